"""What runs all the time beside the requests: the relay, the claims of the workers, the purges.

`fill` adds what a grown market of `big_data` lacks for them: a long queue, and tables that are
purged, of which a small part is due. `loops` returns every statement by a name.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from celery_config import TaskName
from tests.bench.big_data import POPULAR_STYLE, Size
from webapp.domain import due_jobs, ended_jobs, jobs
from webapp.domain.due_jobs import DueJob
from webapp.domain.jobs import Lease
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.pipelines import PIPELINES
from webapp.domain.services import (
    accounts,
    data_exports,
    deep_searches,
    idempotency,
    job_attempts,
    mail_digests,
    notification_groups,
    notifications,
    page_headers,
    sets_sweeps,
    style_views,
    styles,
    webhook_deliveries,
)

ROWS_CHANGED = 3 * due_jobs.AT_ONCE + 50  # of one table: found, locked and changed
# What reads more than it changes, because no index serves it.
KNOWN = {
    "claim, a base model without jobs": "the whole queue; only a worker of another base model asks",
}
LEAST_ROWS = 6_000  # of each table, so that its plan tells a good one from a bad one
AT_ONCE = 10  # rows of a purge
CLAIMED_OVER_HTTP = [kind for kind, pipeline in PIPELINES.items() if pipeline.gpu_step]
IN_WORKERS = [kind for kind in JobKind if kind not in CLAIMED_OVER_HTTP]

# Every statement reads the numbers of `_numbers` as :name.
STATEMENTS = (
    # A long queue behind many ended jobs: the newest are still to be published.
    """
    UPDATE jobs SET state = 'queued', finished_at = NULL, run_at = statement_timestamp(),
                    published_at = CASE WHEN id < :last - 1000 THEN statement_timestamp() END,
                    deadline_at = statement_timestamp() + interval '1 day'
    WHERE id > :last - :queued""",
    """
    UPDATE jobs SET state = 'running', finished_at = NULL,
                    lease_until = statement_timestamp() - id * interval '1 microsecond',
                    deadline_at = statement_timestamp() - id * interval '1 microsecond'
    WHERE id BETWEEN :last - :queued - 3000 AND :last - :queued""",
    """
    INSERT INTO idempotency_keys (user_id, route, key, body_sha256, created_at)
    SELECT 1 + n % :users, 'POST /generations', 'key-' || n, repeat('0', 64),
           statement_timestamp() - interval '25 hours' * n / :rows
    FROM generate_series(1, :rows) AS n""",
    """
    INSERT INTO sign_ins (id, user_id, expires_at, ended_at)
    SELECT 'sign-in-' || n, 1 + n % :users,
           statement_timestamp() + interval '14 days' * (n - 20) / :rows,
           CASE WHEN n % 1000 = 7 THEN statement_timestamp() END
    FROM generate_series(1, :rows) AS n""",
    """
    INSERT INTO style_views (style_id, day, views)
    SELECT 1 + n % :styles, current_date - (n * 405.0 / :rows)::int, 1
    FROM generate_series(1, :rows) AS n""",
    """
    INSERT INTO data_exports (user_id, status, archive_key, created_at)
    SELECT 1 + n % :users, 'ready', 'data-exports/' || n || '.zip',
           statement_timestamp() - interval '7 days 3 hours' * n / :rows
    FROM generate_series(1, :rows) AS n""",
    """
    INSERT INTO mail_digests (user_id, day, status, created_at, finished_at)
    SELECT 1 + n % :users, current_date - n / :users, 'sent', at, at
    FROM generate_series(1, :rows) AS n
    CROSS JOIN LATERAL (SELECT statement_timestamp() - interval '91 days' * n / :rows) AS sent (at)
    """,
    """
    INSERT INTO mail_digest_settings (user_id, frequency, language, email, secret, due_at,
                                      covered_until)
    SELECT id, 'daily', 'en', email, repeat('s', 43),
           statement_timestamp() + (id - 20) * interval '10 seconds', statement_timestamp()
    FROM users WHERE is_active""",
    """
    INSERT INTO webhooks (id, user_id, url, events, secret)
    SELECT n, n, 'https://hooks.example/' || n, ARRAY['generation.completed'], 'whsec_c2VjcmV0'
    FROM generate_series(1, :users) AS n""",
    """
    INSERT INTO webhook_deliveries (webhook_id, message_id, event, body, status, created_at)
    SELECT 1 + n % (:users / 10), 'msg_' || n, 'generation.completed', '{}',
           CASE WHEN n % 100 = 1 THEN 'queued' ELSE 'delivered' END,
           statement_timestamp() - interval '31 days' * n / :rows
    FROM generate_series(1, :rows) AS n""",
    # At most 20 wait at a time, and each is deleted ten minutes later.
    """
    INSERT INTO deep_searches (public_id, created_at)
    SELECT 'search-' || n, statement_timestamp() - n * interval '10 seconds'
    FROM generate_series(1, 100) AS n""",
    """
    INSERT INTO training_runs (style_id, seed, uploads_expire_at, confirmed_at, finished_at)
    SELECT 1 + n % :styles, n, statement_timestamp(), statement_timestamp(), statement_timestamp()
    FROM generate_series(1, :rows) AS n""",
    """
    INSERT INTO sets_accounts (public_id, seen_at)
    SELECT 'u_' || n, statement_timestamp() - interval '33 days' * n / :rows
    FROM generate_series(1, :rows) AS n""",
    """
    INSERT INTO sets_idempotency_keys (account_id, route, key, body_sha256, created_at)
    SELECT id, 'POST /jobs', public_id, repeat('0', 64), seen_at FROM sets_accounts""",
    """
    INSERT INTO sets_jobs (public_id, account_id, preset_id, status, item_count, created_at,
                           updated_at, finished_at, expires_at)
    SELECT 'job_' || id, id, 'interior', CASE WHEN is_new THEN 'uploaded' ELSE 'done' END, 1,
           at, at, CASE WHEN NOT is_new THEN at END, at + interval '30 days'
    FROM (SELECT id, id % 50 = 3 AS is_new,
                 statement_timestamp() - interval '30 days 6 hours' * id / :rows AS at
          FROM sets_accounts) AS made""",
    """
    INSERT INTO sets_photos (job_id, idx, position, content_type, upload_key, status, sha256,
                             result_key)
    SELECT id, 0, 0, 'image/png', 'uploads/' || id, status, md5(id::text) || md5(id::text),
           'results/' || id
    FROM (SELECT id, CASE status WHEN 'done' THEN 'done' ELSE 'ready' END AS status
          FROM sets_jobs) AS made""",
    """
    INSERT INTO sets_masks (photo_sha256, prompt, segmenter, version)
    SELECT sha256, 'wall', 'classic', '1' FROM sets_photos""",
    """
    INSERT INTO sets_edits (photo_id, attempt)
    SELECT id, 1 FROM sets_photos WHERE status = 'done'""",
    """
    INSERT INTO sets_segmentations (photo_id, status) SELECT id, 'ready' FROM sets_photos""",
    # What is claimed of the other kinds: one job each, behind the queue of generations.
    """
    INSERT INTO jobs (kind, ref, step, run_at, deadline_at)
    SELECT kind, ref, step, statement_timestamp(), statement_timestamp() + interval '1 day'
    FROM (VALUES ('training', 'train_style', (SELECT max(id) FROM training_runs)),
                 ('photo_check', 'check_photo', (SELECT max(id) FROM sets_photos)),
                 ('segmentation', 'segment_photos', (SELECT max(id) FROM sets_segmentations)),
                 ('photo_edit', 'apply_rules', (SELECT max(id) FROM sets_edits)),
                 ('sets_export', 'export_set', 1), ('artwork_preview', 'preview_artwork', 1),
                 ('data_export', 'export_data', (SELECT max(id) FROM data_exports)),
                 ('mail_digest', 'send_mail_digest', (SELECT max(id) FROM mail_digests)))
         AS queued (kind, step, ref)""",
    """
    INSERT INTO jobs (kind, ref, step, deadline_at)
    SELECT 'webhook_delivery', id, 'deliver_webhook', statement_timestamp() + interval '5 days'
    FROM webhook_deliveries WHERE status = 'queued'""",
    """
    INSERT INTO jobs (kind, ref, step, state, deadline_at)
    SELECT 'deep_search', id, 'search_watermark',
           CASE WHEN id % 7 = 0 THEN 'queued' ELSE 'done' END,
           statement_timestamp() + interval '1 minute'
    FROM deep_searches""",
    "ANALYZE",
)


def fill(session: Session, size: Size) -> None:
    """Add a queue and what is purged to a filled market; the caller rolls it back."""
    session.execute(text("SET LOCAL statement_timeout = 0"))
    numbers = {
        "last": session.scalars(select(func.max(Job.id))).one(),
        "queued": min(size.generations // 2, 50_000),
        "rows": max(LEAST_ROWS, size.users),
        "users": size.users,
        "styles": size.styles,
    }
    for statement in STATEMENTS:
        bound = text(statement).compile().params
        session.execute(text(statement), {name: numbers[name] for name in bound})


Loops = dict[str, Callable[[], object]]


def loops(session: Session) -> Loops:
    """Return what the relay, the workers' claims and the purges send all the time."""
    return {**_of_the_relay(session), **_claims(session), **_purges(session), **_bells(session)}


def _of_the_relay(session: Session) -> Loops:
    job_id, step = _oldest(session, JobKind.GENERATION)
    return {
        "expired leases": lambda: due_jobs.requeue_expired(session),
        "overdue jobs": lambda: due_jobs.end_overdue(session),
        "due jobs": lambda: due_jobs.mark_due(session, repeat_seconds=30),
        "unmark": lambda: due_jobs.unmark(session, [DueJob(job_id, step)]),
    }


def _claims(session: Session) -> Loops:
    """Of GPU workers over HTTP, of the other workers, and what they read of what they send."""
    oldest = {kind: _oldest(session, kind) for kind in JobKind}

    def claim(kind: JobKind = JobKind.GENERATION, **which: Any) -> Callable[[], object]:
        return lambda: jobs.claim_batch(session, kind, lease_seconds=60, limit=4, **which)

    def claimed(kind: JobKind) -> Lease:
        lease = job_attempts.claim(session, *oldest[kind])
        assert lease is not None, kind
        return lease

    return {
        "claim one": lambda: claimed(JobKind.GENERATION),
        **{f"claim, {kind}": claim(kind) for kind in CLAIMED_OVER_HTTP},
        **{
            f"claim, {kind}, by id": claim(kind, job_id=oldest[kind][0])
            for kind in CLAIMED_OVER_HTTP
        },
        "claim, one base model": claim(base_model="tiny"),
        "claim, a base model without jobs": claim(base_model="sdxl"),
        "claim, training of a base model": claim(JobKind.TRAINING, base_model="tiny"),
        "claim, one batch": claim(batch_of=oldest[JobKind.GENERATION][0]),
        **{f"claim, {kind}": lambda kind=kind: claimed(kind) for kind in IN_WORKERS},
        "begin a mail digest": lambda: mail_digests.begin(session, claimed(JobKind.MAIL_DIGEST)),
        "begin a webhook": lambda: webhook_deliveries.begin(
            session, claimed(JobKind.WEBHOOK_DELIVERY)
        ),
    }


def _purges(session: Session) -> Loops:
    day = timedelta(days=1)

    def purge(change: Callable[..., object], **which: Any) -> Callable[[], object]:
        return lambda: change(session, limit=AT_ONCE, **which)

    return {
        "purge jobs": purge(ended_jobs.purge, older_than=day),
        "purge read notifications": purge(notifications.purge, is_read=True, older_than=day),
        "purge unread notifications": purge(notifications.purge, is_read=False, older_than=day),
        "purge idempotency keys": purge(idempotency.purge),
        "purge sign-ins": purge(accounts.purge_sign_ins),
        "purge views of styles": purge(style_views.purge),
        "purge copies of data": purge(data_exports.purge),
        "purge mail digests": purge(mail_digests.purge),
        "purge messages of webhooks": purge(webhook_deliveries.purge),
        "purge deep searches": lambda: deep_searches.purge(session),
        "end unconfirmed styles": lambda: styles.expire_unconfirmed(session),
        "queue mail digests": purge(mail_digests.queue_due),
        "cancel forgotten jobs of Sets": purge(sets_sweeps.cancel_forgotten),
        "purge jobs of Sets": purge(sets_sweeps.purge_expired),
        "purge unused accounts of Sets": purge(sets_sweeps.purge_unused_accounts),
    }


def _bells(session: Session) -> Loops:
    """Changes of notifications with each visit, like and comment."""
    latest = select(Notification).order_by(Notification.id.desc()).limit(1)
    notification = session.scalars(latest).one()
    person_id, picture_id = notification.recipient_id, notification.target_id
    of_comments = latest.where(Notification.type == NotificationType.COMMENT)
    commented = session.scalars(of_comments).one()
    return {
        "read by the page of a picture": lambda: notifications.mark_seen(
            session, person_id, notifications.of_pictures([picture_id])
        ),
        "read by the page of a style": lambda: page_headers.read(
            session,
            person_id,
            notifications.of_style(POPULAR_STYLE),
            notifications.of_endings(range(picture_id, picture_id + 12)),
            most_unread=100,
        ),
        "read by the wallet": lambda: notifications.mark_seen(
            session, person_id, notifications.of_targets("purchase", "payout")
        ),
        "hide a picture": lambda: notifications.delete_of_hidden(session, [picture_id], person_id),
        "delete a comment": lambda: notification_groups.withdraw_comments(
            session, commented.generation_id, [commented.target_id]
        ),
        "take a like back": lambda: notification_groups.withdraw_like(
            session, person_id, generation_id=picture_id, actor_id=person_id
        ),
    }


def _oldest(session: Session, kind: JobKind) -> tuple[int, TaskName]:
    queued = select(Job.id, Job.step).where(Job.kind == kind, Job.state == JobState.QUEUED)
    job_id, step = session.execute(queued.order_by(Job.id).limit(1)).one()
    return job_id, TaskName(step)
