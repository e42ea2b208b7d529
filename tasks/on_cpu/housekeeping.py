"""Housekeeping tasks of beat: nothing is lost when they stop, nothing is done twice by two."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

import structlog

from celery_config import TaskName
from tasks.on_cpu.attempt import storage
from tasks.task import task
from webapp.domain import due_jobs, ended_jobs, market
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.payments import PaymentProvider, configured_payments
from webapp.domain.pieces import Piece, in_pieces
from webapp.domain.services import (
    accounts,
    counters,
    data_exports,
    deep_searches,
    garbage,
    idempotency,
    mail_digests,
    notifications,
    payments,
    purchase_refunds,
    reconciliation,
    sales,
    sets_sweeps,
    style_views,
    styles,
    webhook_deliveries,
)
from webapp.domain.settings import settings

log = structlog.get_logger()
PURGED_AT_ONCE = 1000  # a short transaction each, however many months were missed
QUEUED_AT_ONCE = 200  # digests, with three statements each
PASS_SECONDS = 300  # of one run over everything; the next one continues
PURGE_SECONDS = 120  # of one run; the next one continues
# Every payment is compared on two days, in case one run is missed; the newest may be in progress.
RECONCILED, IN_PROGRESS = timedelta(days=2), timedelta(minutes=15)
NOTIFIED_DAYS = 2  # in case all runs of a day are missed


def _in_pieces(change: Piece) -> int:
    return in_pieces(unit_of_work, change, limit=PURGED_AT_ONCE, seconds=PURGE_SECONDS)


@lru_cache(maxsize=1)
def payment_provider() -> PaymentProvider:
    """Return this process's payment provider."""
    return configured_payments(settings())


@task(TaskName.COLLECT_GARBAGE)
def collect_garbage() -> None:
    """Delete stored objects that no row names and that are older than a day; the next continues."""
    count = garbage.collect(storage(), unit_of_work, seconds=PASS_SECONDS)
    log.info("garbage collected", objects=count)


@task(TaskName.PURGE_EXPIRED)
def purge_expired() -> None:
    """Delete what is old of keys, sign-ins, views, copies of data, digests and webhooks.

    Also end styles whose uploads never came.
    """
    keys = _in_pieces(idempotency.purge)
    sign_ins = _in_pieces(accounts.purge_sign_ins)
    days = _in_pieces(style_views.purge)
    exports = _in_pieces(data_exports.purge)
    digests = _in_pieces(mail_digests.purge)
    webhooks = _in_pieces(webhook_deliveries.purge)
    with unit_of_work() as session:
        ended = styles.expire_unconfirmed(session)
    log.info(
        "purged",
        idempotency_keys=keys,
        sign_ins=sign_ins,
        days_of_views=days,
        data_exports=exports,
        mail_digests=digests,
        webhook_deliveries=webhooks,
        unconfirmed_styles=ended,
    )


@task(TaskName.PURGE_DEEP_SEARCHES)
def purge_deep_searches() -> None:
    """Delete searches of uploaded pictures that ended some minutes ago, with their jobs."""
    with unit_of_work() as session:
        count = deep_searches.purge(session)
    log.info("deep searches purged", searches=count)


@task(TaskName.PURGE_JOBS)
def purge_jobs() -> None:
    """Delete the rows of jobs that ended long ago."""
    older_than = timedelta(days=settings().job_retention_days)
    count = _in_pieces(partial(ended_jobs.purge, older_than=older_than))
    log.info("jobs purged", jobs=count)


@task(TaskName.SWEEP_SETS)
def sweep_sets() -> None:
    """Cancel unconfirmed jobs of Sets, release the files of old ones, purge unused accounts."""
    swept = sets_sweeps.sweep(unit_of_work)
    log.info("sets swept", canceled=swept.canceled, purged=swept.purged, accounts=swept.accounts)


@task(TaskName.NOTIFY_SALES)
def notify_sales() -> None:
    """Notify artists once of what they sold on the last days that ended in the market's zone."""
    today = market.day_of(datetime.now(UTC) - IN_PROGRESS)
    count = 0
    for ago in range(NOTIFIED_DAYS, 0, -1):
        with unit_of_work() as session:
            count += sales.notify(session, today - timedelta(days=ago))
    log.info("artists notified of sales", notifications=count)


@task(TaskName.QUEUE_MAIL_DIGESTS)
def queue_mail_digests() -> None:
    """Queue the mail digests that are due; the next run continues."""
    if not settings().sends_mail:
        return
    count = in_pieces(
        unit_of_work, mail_digests.queue_due, limit=QUEUED_AT_ONCE, seconds=PURGE_SECONDS
    )
    log.info("mail digests queued", digests=count)


@task(TaskName.PURGE_NOTIFICATIONS)
def purge_notifications() -> None:
    """Delete old notifications; unread ones are kept longer."""
    count = 0
    for is_read, days in (
        (True, settings().notification_retention_days),
        (False, settings().unread_notification_retention_days),
    ):
        purge = partial(notifications.purge, is_read=is_read, older_than=timedelta(days=days))
        count += _in_pieces(purge)
    log.info("notifications purged", notifications=count)


@task(TaskName.EXPIRE_PURCHASES)
def expire_purchases() -> None:
    """Resume unfinished payments and refunds with the provider, then expire open payments."""
    resumed = payments.resume(unit_of_work, payment_provider())
    refunds = purchase_refunds.resume(unit_of_work, payment_provider())
    expired = payments.expire(unit_of_work, payment_provider())
    log.info("purchases swept", expired=expired, resumed=resumed, refunds=refunds)


@task(TaskName.RECONCILE_PAYMENTS)
def reconcile_payments() -> None:
    """Compare payments with the provider's; differences are logged as errors."""
    until = datetime.now(UTC) - IN_PROGRESS
    differences = reconciliation.compare(
        unit_of_work, payment_provider(), since=until - RECONCILED, until=until
    )
    for difference in differences:
        log.error("payments differ", order_id=difference.order_id, finding=difference.finding)
    with unit_of_work() as session:
        reconciliation.save_differences(session, differences)
    log.info("payments compared", differences=len(differences))


@task(TaskName.SWEEP_JOBS)
def sweep_jobs() -> None:
    """Requeue jobs of lost workers and end overdue ones, as the relay does all the time.

    If there are any, the relay does not run.
    """
    with unit_of_work() as session:
        lost = due_jobs.requeue_expired(session)
        overdue = due_jobs.end_overdue(session)
    if lost or overdue:
        log.warning("the relay left jobs behind", expired_leases=lost, overdue=overdue)


@task(TaskName.RECOUNT_COUNTERS)
def recount_counters() -> None:
    """Count again what rows say of others; the next run of the night continues."""
    for counter, repairs in counters.recount_on(unit_of_work, seconds=PASS_SECONDS):
        for repair in repairs:
            log.warning(
                "counter was wrong",
                counter=str(counter),
                id=repair.id,
                was=repair.was,
                now=repair.now,
            )
