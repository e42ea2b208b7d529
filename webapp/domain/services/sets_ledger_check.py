"""The invariants of credits of Sets, in SQL; `ledger_check` runs them with those of tokens.

Sums are not enough: one return too few and one too many add up to the correct sum. So edits, jobs
and purchases are checked one by one.
"""

from webapp.domain.services.ledger_invariants import Invariant

OF_CREDITS = (
    Invariant(
        "S1 cached credits equal their entries",
        "sets_accounts",
        """
        SELECT 'account ' || sets_accounts.public_id || ' caches ' || credits
               || ' but its entries say ' || coalesce(sum(amount), 0)
        FROM sets_accounts
        LEFT JOIN sets_credit_entries AS entries ON entries.account_id = sets_accounts.id
        WHERE {chosen}
        GROUP BY sets_accounts.id
        HAVING credits <> coalesce(sum(amount), 0)""",
    ),
    Invariant(
        "S2 each entry names the balance it left",
        "sets_accounts",
        """
        SELECT 'entry ' || id || ' says ' || balance_after || ' were left, there were ' || counted
        FROM (SELECT id, balance_after, sum(amount) OVER (PARTITION BY account_id ORDER BY id)
                     AS counted FROM sets_credit_entries
              WHERE account_id IN (SELECT id FROM sets_accounts WHERE {chosen})) AS running
        WHERE balance_after <> counted""",
    ),
    Invariant(
        "S3 a job reserved one credit per edit",
        "sets_jobs",
        """
        SELECT 'job ' || jobs.public_id || ' reserved ' || reserved || ' for ' || edits || ' edits'
        FROM (SELECT sets_jobs.id, public_id,
                     (SELECT coalesce(-sum(amount), 0) FROM sets_credit_entries
                      WHERE job_id = sets_jobs.id AND kind = 'reserve') AS reserved,
                     (SELECT count(*) FROM sets_edits JOIN sets_photos
                             ON sets_photos.id = sets_edits.photo_id
                      WHERE sets_photos.job_id = sets_jobs.id) AS edits
              FROM sets_jobs WHERE {chosen}) AS jobs
        WHERE reserved <> edits""",
    ),
    Invariant(
        "S4 one return per returned edit and none otherwise",
        "sets_edits",
        """
        SELECT 'edit ' || sets_edits.id || ' has ' || count(entries.id) || ' returns of '
               || coalesce(sum(entries.amount), 0) || ' credits'
        FROM sets_edits
        LEFT JOIN sets_credit_entries AS entries ON entries.edit_id = sets_edits.id
        WHERE {chosen}
        GROUP BY sets_edits.id
        HAVING count(entries.id) <> (sets_edits.returned_at IS NOT NULL)::int
            OR coalesce(sum(entries.amount), 0) <> (sets_edits.returned_at IS NOT NULL)::int""",
    ),
    Invariant(
        "S5 the last edit of a photo ends as its photo",
        "sets_photos",
        """
        SELECT 'photo ' || sets_photos.id || ' is ' || status || ', its edit is '
               || CASE WHEN delivered_at IS NOT NULL THEN 'delivered'
                       WHEN returned_at IS NOT NULL THEN 'returned' ELSE 'open' END
        FROM sets_photos
        JOIN LATERAL (SELECT delivered_at, returned_at FROM sets_edits
                      WHERE photo_id = sets_photos.id ORDER BY attempt DESC LIMIT 1) AS edit ON true
        WHERE {chosen} AND ((delivered_at IS NOT NULL) <> (status = 'done')
           OR (returned_at IS NOT NULL) <> (status IN ('failed', 'canceled')))""",
    ),
    Invariant(
        "S6 every photo has an edit, and all but the last were returned",
        "sets_photos",
        """
        SELECT 'photo ' || sets_photos.id || ' has ' || count(edits.id) || ' edits, '
               || count(edits.returned_at) || ' of them returned'
        FROM sets_photos LEFT JOIN sets_edits AS edits ON edits.photo_id = sets_photos.id
        WHERE {chosen}
        GROUP BY sets_photos.id
        HAVING count(edits.id) = 0 OR count(edits.returned_at) < count(edits.id) - 1""",
    ),
    Invariant(
        "S7 credits given equal purchases paid",
        "purchases",
        """
        SELECT 'purchase ' || id || ' is ' || status || ' with ' || given || ' of '
               || amount_credits || ' credits given and ' || returned || ' returned'
        FROM (SELECT purchases.id, purchases.status, purchases.amount_credits,
                     purchases.sets_account_id,
                     coalesce(sum(amount) FILTER (WHERE kind = 'purchase'), 0) AS given,
                     coalesce(-sum(amount) FILTER (WHERE kind = 'purchase_refund'), 0) AS returned,
                     bool_and(entries.account_id = purchases.sets_account_id) AS is_own
              FROM purchases
              LEFT JOIN sets_credit_entries AS entries ON entries.purchase_id = purchases.id
              WHERE {chosen}
              GROUP BY purchases.id) AS outcomes
        WHERE given <> amount_credits * (status IN ('paid', 'refunded'))::int
           OR returned <> amount_credits * (status = 'refunded')::int
           OR NOT is_own""",
    ),
    Invariant(
        "S8 what one account lost by adoption its adopter got",
        "sets_accounts",
        """
        SELECT 'entry ' || out.id || ' moved ' || -out.amount || ' credits, '
               || coalesce(got.amount, 0) || ' arrived'
        FROM sets_credit_entries AS out
        JOIN sets_accounts ON sets_accounts.id = out.account_id
        LEFT JOIN sets_credit_entries AS got
               ON got.idempotency_key = regexp_replace(out.idempotency_key, 'out$', 'in')
              AND got.account_id = sets_accounts.adopted_by_id
        WHERE {chosen} AND out.kind = 'adopted' AND out.amount < 0
          -- the welcome of an adopted account counts as the person's
          AND out.idempotency_key <> 'welcome:counted:' || out.account_id
          AND coalesce(got.amount, 0) <> -out.amount""",
    ),
)
