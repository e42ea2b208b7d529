"""Checks the invariants of tokens and credits, in SQL, in tests and in production.

A sum of zero is not enough: two outcomes of one generation still sum to zero. So the outcome of
each generation in the ledger is compared with its status.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.domain.services.sets_ledger_check import OF_CREDITS

# Each query returns the rows that break its invariant, as one text column.
INVARIANTS: dict[str, str] = {
    "I1 transfers sum to zero": """
        SELECT 'sum of all movements is ' || sum(movement)
        FROM (SELECT credit_account_id AS account, amount AS movement FROM transfers
              UNION ALL SELECT debit_account_id, -amount FROM transfers) AS movements
        HAVING sum(movement) <> 0""",
    "I2 cached balance equals its transfers": """
        SELECT 'account ' || accounts.id || ' caches ' || balance
               || ' but its transfers say ' || coalesce(sum(movement), 0)
        FROM accounts
        LEFT JOIN (SELECT credit_account_id AS account, amount AS movement FROM transfers
                   UNION ALL SELECT debit_account_id, -amount FROM transfers) AS movements
               ON movements.account = accounts.id
        WHERE accounts.balance IS NOT NULL
        GROUP BY accounts.id, balance
        HAVING balance <> coalesce(sum(movement), 0)""",
    "I3 no balance below zero": """
        SELECT 'account ' || id || ' stands at ' || balance FROM accounts WHERE balance < 0""",
    "I4 one hold per generation": """
        SELECT 'generation ' || generations.id || ' has ' || count(transfers.id) || ' holds'
        FROM generations
        LEFT JOIN transfers ON transfers.generation_id = generations.id AND kind = 'hold'
        GROUP BY generations.id
        HAVING count(transfers.id) <> (min(generations.price_tokens) > 0)::int
            OR min(transfers.amount) <> min(generations.price_tokens)""",
    "I5 outcome equals state, per generation": """
        SELECT 'generation ' || id || ' is ' || status || ' with ' || payouts || ' payouts and '
               || refunds || ' refunds'
        FROM (SELECT generations.id, generations.status, price_tokens > 0 AS is_paid,
                     count(*) FILTER (WHERE transfers.kind = 'payout') AS payouts,
                     count(*) FILTER (WHERE transfers.kind = 'refund') AS refunds
              FROM generations LEFT JOIN transfers ON transfers.generation_id = generations.id
              GROUP BY generations.id) AS outcomes
        WHERE payouts <> (is_paid AND status = 'completed')::int
           OR refunds <> (is_paid AND status IN ('failed', 'canceled'))::int""",
    "I6 holds equal payouts, refunds and escrow": """
        SELECT 'escrow holds ' || held || ' but work in flight is worth ' || in_flight
        FROM (SELECT coalesce(sum(CASE WHEN kind = 'hold' THEN amount
                                       WHEN kind IN ('payout', 'refund') THEN -amount END), 0)
                     AS held FROM transfers) AS escrow,
             (SELECT coalesce(sum(price_tokens), 0) AS in_flight FROM generations
              WHERE status IN ('queued', 'processing', 'retrying')) AS work
        WHERE held <> in_flight""",
    "I7 nothing unfinished past its deadline": """
        SELECT 'job ' || id || ' is ' || state || ' past its deadline' FROM jobs
        WHERE state IN ('queued', 'running')
          AND deadline_at < clock_timestamp() - interval '1 minute'""",
    "I7b every unfinished generation has a live job": """
        SELECT 'generation ' || generations.id || ' is ' || generations.status
               || ' but its job is ' || coalesce(jobs.state, 'missing')
        FROM generations LEFT JOIN jobs ON jobs.kind = 'generation' AND jobs.ref = generations.id
        WHERE (generations.status IN ('queued', 'processing', 'retrying'))
              IS DISTINCT FROM (coalesce(jobs.state, '') IN ('queued', 'running'))""",
    "I10 one notification per finished generation": """
        SELECT 'generation ' || generations.id || ' was told ' || count(notifications.id)
               || ' times'
        FROM generations
        -- an image painted for a photo of Sets has no notification: the photo's job has one
        LEFT JOIN sets_restyles ON sets_restyles.generation_id = generations.id
        LEFT JOIN notifications ON notifications.target_type = 'generation'
             AND notifications.target_id = generations.id
             AND notifications.type IN ('generation_complete', 'generation_failed')
        WHERE generations.status IN ('completed', 'failed') AND generations.deleted_at IS NULL
          -- notifications are deleted 30 days after they were read
          AND generations.created_at > clock_timestamp() - interval '30 days'
        GROUP BY generations.id
        HAVING count(notifications.id) <> (count(sets_restyles.id) = 0)::int""",
    "I11 tokens credited equal purchases paid": """
        SELECT 'purchase ' || id || ' is ' || status || ' with ' || credited || ' of '
               || amount_tokens || ' tokens credited and ' || returned || ' returned'
        FROM (SELECT purchases.id, purchases.status, purchases.amount_tokens,
                     coalesce(sum(amount) FILTER (WHERE kind = 'purchase'), 0) AS credited,
                     coalesce(sum(amount) FILTER (WHERE kind = 'purchase_refund'), 0) AS returned
              FROM purchases LEFT JOIN transfers ON transfers.purchase_id = purchases.id
              GROUP BY purchases.id) AS outcomes
        WHERE credited <> amount_tokens * (status IN ('paid', 'refunded'))::int
           OR returned <> amount_tokens * (status = 'refunded')::int""",
    "every delivered image has its certificate": """
        SELECT 'generation ' || generations.id || ' has no certificate'
        FROM generations LEFT JOIN certificates ON certificates.generation_id = generations.id
        WHERE generations.status = 'completed'
          AND certificates.image_sha256 IS DISTINCT FROM generations.image_sha256""",
    **OF_CREDITS,
}


@dataclass(frozen=True)
class Violation:
    """One violated invariant, with a description of the row."""

    invariant: str
    finding: str


def check(session: Session) -> list[Violation]:
    """Return every violation of an invariant; an empty list means that there is none."""
    # All queries need one snapshot; otherwise concurrent transactions would look like violations.
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    return [
        Violation(name, finding)
        for name, query in INVARIANTS.items()
        for finding in session.scalars(text(query))
    ]
