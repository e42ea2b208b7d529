"""The invariants of credits of Sets, in SQL; `ledger_check` runs them with those of tokens.

Sums are not enough: one return too few and one too many add up to the correct sum. So edits, jobs
and purchases are checked one by one.
"""

# Each query returns the rows that break its invariant, as one text column.
OF_CREDITS: dict[str, str] = {
    "S1 cached credits equal their entries": """
        SELECT 'account ' || accounts.public_id || ' caches ' || credits
               || ' but its entries say ' || coalesce(sum(amount), 0)
        FROM sets_accounts AS accounts
        LEFT JOIN sets_credit_entries AS entries ON entries.account_id = accounts.id
        GROUP BY accounts.id
        HAVING credits <> coalesce(sum(amount), 0)""",
    "S2 each entry names the balance it left": """
        SELECT 'entry ' || id || ' says ' || balance_after || ' were left, there were ' || counted
        FROM (SELECT id, balance_after, sum(amount) OVER (PARTITION BY account_id ORDER BY id)
                     AS counted FROM sets_credit_entries) AS running
        WHERE balance_after <> counted""",
    "S3 a job reserved one credit per edit": """
        SELECT 'job ' || jobs.public_id || ' reserved ' || reserved || ' for ' || edits || ' edits'
        FROM (SELECT sets_jobs.id, public_id,
                     (SELECT coalesce(-sum(amount), 0) FROM sets_credit_entries
                      WHERE job_id = sets_jobs.id AND kind = 'reserve') AS reserved,
                     (SELECT count(*) FROM sets_edits JOIN sets_photos
                             ON sets_photos.id = sets_edits.photo_id
                      WHERE sets_photos.job_id = sets_jobs.id) AS edits
              FROM sets_jobs) AS jobs
        WHERE reserved <> edits""",
    "S4 one return per returned edit and none otherwise": """
        SELECT 'edit ' || edits.id || ' has ' || count(entries.id) || ' returns of '
               || coalesce(sum(entries.amount), 0) || ' credits'
        FROM sets_edits AS edits
        LEFT JOIN sets_credit_entries AS entries ON entries.edit_id = edits.id
        GROUP BY edits.id
        HAVING count(entries.id) <> (edits.returned_at IS NOT NULL)::int
            OR coalesce(sum(entries.amount), 0) <> (edits.returned_at IS NOT NULL)::int""",
    "S5 the last edit of a photo ends as its photo": """
        SELECT 'photo ' || photos.id || ' is ' || status || ', its edit is '
               || CASE WHEN delivered_at IS NOT NULL THEN 'delivered'
                       WHEN returned_at IS NOT NULL THEN 'returned' ELSE 'open' END
        FROM sets_photos AS photos
        JOIN LATERAL (SELECT delivered_at, returned_at FROM sets_edits
                      WHERE photo_id = photos.id ORDER BY attempt DESC LIMIT 1) AS edit ON true
        WHERE (delivered_at IS NOT NULL) <> (status = 'done')
           OR (returned_at IS NOT NULL) <> (status IN ('failed', 'canceled'))""",
    "S6 every photo has an edit, and all but the last were returned": """
        SELECT 'photo ' || photos.id || ' has ' || count(edits.id) || ' edits, '
               || count(edits.returned_at) || ' of them returned'
        FROM sets_photos AS photos LEFT JOIN sets_edits AS edits ON edits.photo_id = photos.id
        GROUP BY photos.id
        HAVING count(edits.id) = 0 OR count(edits.returned_at) < count(edits.id) - 1""",
    "S7 credits given equal purchases paid": """
        SELECT 'purchase ' || id || ' is ' || status || ' with ' || given || ' of '
               || amount_credits || ' credits given and ' || returned || ' returned'
        FROM (SELECT purchases.id, purchases.status, purchases.amount_credits,
                     purchases.sets_account_id,
                     coalesce(sum(amount) FILTER (WHERE kind = 'purchase'), 0) AS given,
                     coalesce(-sum(amount) FILTER (WHERE kind = 'purchase_refund'), 0) AS returned,
                     bool_and(entries.account_id = purchases.sets_account_id) AS is_own
              FROM purchases
              LEFT JOIN sets_credit_entries AS entries ON entries.purchase_id = purchases.id
              GROUP BY purchases.id) AS outcomes
        WHERE given <> amount_credits * (status IN ('paid', 'refunded'))::int
           OR returned <> amount_credits * (status = 'refunded')::int
           OR NOT is_own""",
    "S8 what one account lost by adoption its adopter got": """
        SELECT 'entry ' || out.id || ' moved ' || -out.amount || ' credits, '
               || coalesce(got.amount, 0) || ' arrived'
        FROM sets_credit_entries AS out
        JOIN sets_accounts ON sets_accounts.id = out.account_id
        LEFT JOIN sets_credit_entries AS got
               ON got.idempotency_key = regexp_replace(out.idempotency_key, 'out$', 'in')
              AND got.account_id = sets_accounts.adopted_by_id
        WHERE out.kind = 'adopted' AND out.amount < 0
          -- the welcome of an adopted account counts as the person's
          AND out.idempotency_key <> 'welcome:counted:' || out.account_id
          AND coalesce(got.amount, 0) <> -out.amount""",
}
