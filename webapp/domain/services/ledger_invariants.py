"""The invariants of tokens, in SQL. Each query returns what breaks it, as one text column.

A sum of zero is not enough: two outcomes of one generation still sum to zero. So the outcome of
each generation in the ledger is compared with its status.
"""

from dataclasses import dataclass

UNFINISHED = "('queued', 'processing', 'retrying')"
OF_PAYOUTS = "('payout_request', 'payout_settlement', 'payout_return', 'payout_reversal')"
# The request that a transfer of a payout names; null if its key names none.
NAMED_PAYOUT = "substring(idempotency_key FROM '^payout_[a-z]+:([0-9]{1,18})$')::bigint"


@dataclass(frozen=True)
class Invariant:
    """What holds for each row of a table; `{chosen}` is the condition on the rows to check."""

    name: str
    rows: str
    query: str

    def over(self, chosen: str) -> str:
        """Return the query over the chosen rows."""
        return self.query.replace("{chosen}", chosen)


OF_TOKENS = (
    Invariant(
        "I2 cached balance equals its transfers",
        "accounts",
        """
        SELECT 'account ' || accounts.id || ' caches ' || balance
               || ' but its transfers say ' || credited - debited
        FROM accounts
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS credited FROM transfers
                            WHERE credit_account_id = accounts.id) AS credits
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS debited FROM transfers
                            WHERE debit_account_id = accounts.id) AS debits
        WHERE balance IS NOT NULL AND {chosen} AND balance <> credited - debited""",
    ),
    Invariant(
        "I3 no balance below zero",
        "accounts",
        """
        SELECT 'account ' || id || ' stands at ' || balance FROM accounts
        WHERE balance < 0 AND {chosen}""",
    ),
    Invariant(
        "I4 one hold per generation",
        "generations",
        """
        SELECT 'generation ' || generations.id || ' has ' || count(transfers.id) || ' holds'
        FROM generations
        LEFT JOIN transfers ON transfers.generation_id = generations.id AND kind = 'hold'
        WHERE {chosen}
        GROUP BY generations.id
        HAVING count(transfers.id) <> (min(generations.price_tokens) > 0)::int
            OR min(transfers.amount) <> min(generations.price_tokens)""",
    ),
    Invariant(
        "I5 outcome equals state, per generation",
        "generations",
        """
        SELECT 'generation ' || id || ' is ' || status || ' with ' || payouts || ' payouts and '
               || refunds || ' refunds'
        FROM (SELECT generations.id, generations.status, price_tokens > 0 AS is_paid,
                     count(*) FILTER (WHERE transfers.kind = 'payout') AS payouts,
                     count(*) FILTER (WHERE transfers.kind = 'refund') AS refunds
              FROM generations LEFT JOIN transfers ON transfers.generation_id = generations.id
                   AND transfers.kind IN ('payout', 'refund')
              WHERE {chosen}
              GROUP BY generations.id) AS outcomes
        WHERE payouts <> (is_paid AND status = 'completed')::int
           OR refunds <> (is_paid AND status IN ('failed', 'canceled'))::int""",
    ),
    Invariant(
        "I7b every unfinished generation has a live job",
        "generations",
        f"""
        SELECT 'generation ' || generations.id || ' is ' || generations.status
               || ' but its job is ' || coalesce(jobs.state, 'missing')
        FROM generations LEFT JOIN jobs ON jobs.kind = 'generation' AND jobs.ref = generations.id
        WHERE (generations.status IN {UNFINISHED})
              IS DISTINCT FROM (coalesce(jobs.state, '') IN ('queued', 'running'))
          AND {{chosen}}""",
    ),
    Invariant(
        "I10 one notification per finished generation",
        "generations",
        """
        SELECT 'generation ' || generations.id || ' was told ' || greatest(own, grouped) || ' times'
        FROM (SELECT generations.id,
                     -- an image painted for a photo of Sets has none: the photo's job has one
                     (count(sets_restyles.id) = 0)::int AS expected,
                     -- nobody is told of what finished while these notifications were off
                     bool_or(generations.status = 'completed' AND settings.user_id IS NOT NULL)
                         AS is_optional,
                     count(DISTINCT own.id) AS own,
                     count(DISTINCT grouped.id) AS grouped
              FROM generations
              LEFT JOIN sets_restyles ON sets_restyles.generation_id = generations.id
              LEFT JOIN notifications AS own ON own.target_type = 'generation'
                   AND own.target_id = generations.id
                   AND own.recipient_id = generations.user_id
                   AND own.created_at > generations.created_at - interval '1 day'
                   AND own.type IN ('generation_complete', 'generation_failed')
              -- one of all finished images of an order; its target is the latest
              LEFT JOIN notifications AS grouped ON generations.status = 'completed'
                   AND grouped.recipient_id = generations.user_id
                   AND grouped.dedupe_key
                       = 'generation_complete:group:order:' || generations.order_id
              LEFT JOIN notification_settings AS settings
                   ON settings.user_id = generations.user_id AND settings.kind = 'orders'
              WHERE generations.status IN ('completed', 'failed')
                AND generations.deleted_at IS NULL
                -- notifications are deleted 30 days after they were read
                AND generations.created_at > clock_timestamp() - interval '30 days'
                AND {chosen}
              GROUP BY generations.id) AS generations
        WHERE own > expected OR greatest(own, grouped) < expected * (NOT is_optional)::int""",
    ),
    Invariant(
        "I11 tokens credited equal purchases paid",
        "purchases",
        """
        SELECT 'purchase ' || id || ' is ' || status || ' with ' || credited || ' of '
               || amount_tokens || ' tokens credited and ' || returned || ' returned'
        FROM (SELECT purchases.id, purchases.status, purchases.amount_tokens,
                     coalesce(sum(amount) FILTER (WHERE kind = 'purchase'), 0) AS credited,
                     coalesce(sum(amount) FILTER (WHERE kind = 'purchase_refund'), 0) AS returned
              FROM purchases LEFT JOIN transfers ON transfers.purchase_id = purchases.id
              WHERE {chosen}
              GROUP BY purchases.id) AS outcomes
        WHERE credited <> amount_tokens * (status IN ('paid', 'refunded'))::int
           OR returned <> amount_tokens * (status = 'refunded')::int""",
    ),
    Invariant(
        "I13 payout requests equal their transfers",
        "payout_requests",
        """
        SELECT 'payout request ' || id || ' is ' || status || ' with ' || requested || ' of '
               || amount_tokens || ' tokens requested, ' || settled || ' settled, '
               || returned || ' returned and ' || reversed || ' reversed, and '
               || moved || ' moved in all'
        FROM (SELECT payout_requests.id, payout_requests.status, amount_tokens,
                     coalesce(sum(amount) FILTER (WHERE transfers.kind = 'payout_request'
                         AND debit_account_id = earned.id AND credit_account_id = waiting.id), 0)
                         AS requested,
                     coalesce(sum(amount) FILTER (WHERE transfers.kind = 'payout_settlement'
                         AND debit_account_id = waiting.id AND credit_account_id = platform.id), 0)
                         AS settled,
                     coalesce(sum(amount) FILTER (WHERE transfers.kind = 'payout_return'
                         AND debit_account_id = waiting.id AND credit_account_id = earned.id), 0)
                         AS returned,
                     coalesce(sum(amount) FILTER (WHERE transfers.kind = 'payout_reversal'
                         AND debit_account_id = platform.id AND credit_account_id = earned.id), 0)
                         AS reversed,
                     coalesce(sum(amount), 0) AS moved
              FROM payout_requests
              LEFT JOIN accounts AS earned ON earned.owner_id = user_id AND earned.kind = 'earned'
              LEFT JOIN accounts AS waiting ON waiting.owner_id = user_id
                   AND waiting.kind = 'payout'
              LEFT JOIN accounts AS platform ON platform.owner_id IS NULL
                   AND platform.kind = 'platform'
              LEFT JOIN transfers ON transfers.idempotency_key IN (
                  'payout_request:' || payout_requests.id, 'payout_outcome:' || payout_requests.id,
                  'payout_reversal:' || payout_requests.id)
              WHERE {chosen}
              GROUP BY payout_requests.id) AS outcomes
        WHERE requested <> amount_tokens
           OR settled <> amount_tokens * (status IN ('settled', 'returned'))::int
           OR reversed <> amount_tokens * (status = 'returned')::int
           OR returned <> amount_tokens * (status IN ('declined', 'withdrawn'))::int
           -- what is of another kind, or between other accounts, is in none of these
           OR moved <> requested + settled + returned + reversed""",
    ),
    Invariant(
        "I14 payout accounts hold the open requests",
        "accounts",
        """
        SELECT 'account ' || accounts.id || ' holds ' || balance || ' but '
               || coalesce(amount_tokens, 0) || ' tokens are requested'
        FROM accounts LEFT JOIN payout_requests ON user_id = owner_id AND status = 'requested'
        WHERE accounts.kind = 'payout' AND {chosen} AND balance <> coalesce(amount_tokens, 0)""",
    ),
    Invariant(
        "I15 transfers of payouts name their request",
        "transfers",
        f"""
        SELECT 'transfer ' || transfers.id || ' is a ' || kind || ' of no payout request: '
               || idempotency_key
        FROM transfers LEFT JOIN payout_requests ON payout_requests.id = {NAMED_PAYOUT}
        WHERE kind IN {OF_PAYOUTS} AND {{chosen}}
          AND idempotency_key IS DISTINCT FROM
              CASE kind WHEN 'payout_request' THEN 'payout_request:'
                        WHEN 'payout_reversal' THEN 'payout_reversal:'
                        ELSE 'payout_outcome:' END || payout_requests.id""",
    ),
    Invariant(
        "every delivered image has its certificate",
        "generations",
        """
        SELECT 'generation ' || generations.id || ' has no certificate'
        FROM generations LEFT JOIN certificates ON certificates.generation_id = generations.id
        WHERE generations.status = 'completed' AND {chosen}
          AND certificates.image_sha256 IS DISTINCT FROM generations.image_sha256""",
    ),
)


def of_sums(sealed: int) -> dict[str, str]:
    """Return the invariants of sums; transfers up to the id `sealed` are read from their seals."""
    return {
        "I1 transfers sum to zero": f"""
        SELECT 'sum of all movements is ' || total
        FROM (SELECT (SELECT coalesce(sum(balance), 0) FROM ledger_sealed_balances)
                   + (SELECT coalesce(sum(movement), 0)
                      FROM (SELECT sum(amount) AS movement FROM transfers WHERE id > {sealed}
                            UNION ALL SELECT -sum(amount) FROM transfers WHERE id > {sealed})
                           AS open) AS total) AS movements
        WHERE total <> 0""",
        "I6 holds equal payouts, refunds and escrow": f"""
        SELECT 'escrow holds ' || held || ' but work in flight is worth ' || in_flight
        FROM (SELECT coalesce(sum(CASE WHEN kind = 'hold' THEN amount
                                       WHEN kind IN ('payout', 'refund') THEN -amount END), 0)
                     AS held
              FROM (SELECT kind, amount FROM transfers WHERE id > {sealed}
                    UNION ALL
                    SELECT key, value::bigint FROM ledger_seals CROSS JOIN jsonb_each_text(sums)
                    WHERE until_id <= {sealed}) AS moved) AS escrow,
             (SELECT coalesce(sum(price_tokens), 0) AS in_flight FROM generations
              WHERE status IN {UNFINISHED}) AS work
        WHERE held <> in_flight""",
        "I7 nothing unfinished past its deadline": """
        SELECT 'job ' || id || ' is ' || state || ' past its deadline' FROM jobs
        WHERE state IN ('queued', 'running')
          AND deadline_at < statement_timestamp() - interval '1 minute'""",
    }


# I2 of all accounts at once, in terms of what their sealed transfers add up to.
OPEN_BALANCES = """
    SELECT 'account ' || accounts.id || ' caches ' || accounts.balance
           || ' but its transfers say ' || coalesce(sealed.balance, 0) + coalesce(moved, 0)
    FROM accounts
    LEFT JOIN ledger_sealed_balances AS sealed ON sealed.account_id = accounts.id
    LEFT JOIN (SELECT account, sum(movement) AS moved
               FROM (SELECT credit_account_id AS account, sum(amount) AS movement
                     FROM transfers WHERE id > :sealed GROUP BY 1
                     UNION ALL
                     SELECT debit_account_id, -sum(amount)
                     FROM transfers WHERE id > :sealed GROUP BY 1) AS sides
               GROUP BY 1) AS open ON open.account = accounts.id
    WHERE accounts.balance <> coalesce(sealed.balance, 0) + coalesce(moved, 0)"""
