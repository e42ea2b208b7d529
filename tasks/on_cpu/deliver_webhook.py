"""Deliver a webhook: one request to the server of somebody, whose answer decides about a retry."""

from celery.exceptions import Ignore

from celery_config import TaskName
from failpoints import failpoint
from tasks.metrics import count_webhook
from tasks.on_cpu.attempt import attempt
from tasks.outcomes import Outcome as Shown
from tasks.task import end_task, task
from webapp.domain.db import unit_of_work
from webapp.domain.gateways import outgoing_http
from webapp.domain.gateways.outgoing_http import NotAnswered
from webapp.domain.services import job_attempts, webhook_deliveries
from webapp.domain.services.webhook_deliveries import Answer, Message, Outcome
from webapp.domain.settings import settings

SHOWN = {
    Outcome.DELIVERED: Shown.DONE,
    Outcome.RETRIED: Shown.RETRIED,
    Outcome.BUSY: Shown.RETRIED,
    Outcome.FAILED: Shown.FAILED,
    Outcome.STALE: Shown.IGNORED,
}


@task(TaskName.DELIVER_WEBHOOK)
def deliver_webhook(*, job_id: int) -> None:
    """Send one message; storage is not needed, so its state does not matter here."""
    with unit_of_work() as session:
        lease = job_attempts.claim(session, job_id, TaskName.DELIVER_WEBHOOK)
        if lease is None:
            raise Ignore("The message is stale.")
        message = webhook_deliveries.begin(session, lease)
    failpoint("after_claim")
    with attempt(lease):
        if isinstance(message, Message):
            answer = _sent(message)
            failpoint("before_commit")
            with unit_of_work() as session:
                outcome = webhook_deliveries.record(session, lease, answer)
        else:
            outcome = message
    count_webhook(outcome.value)
    end_task(SHOWN[outcome], outcome.value)


def _sent(message: Message) -> Answer:
    may_be_local = settings().webhooks_may_be_local
    try:
        status = outgoing_http.post(
            message.url, message.headers, message.body, may_be_local=may_be_local
        )
    except NotAnswered as error:
        return Answer(None, error.problem.value)
    return Answer(status)
