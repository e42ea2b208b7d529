"""Metrics of the tasks: duration of runs and causes of failed attempts."""

import structlog
from prometheus_client import Counter, Gauge, Histogram

TASK_SECONDS = Histogram(
    "task_seconds",
    "Time of each run of a task, by whether it ended or raised.",
    ["task", "outcome"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800),
)
TASK_FAILURES = Counter(
    "task_failures", "Attempts that failed for a known cause.", ["task", "cause"]
)
DEEP_SEARCHES = Counter(
    "deep_searches", "Searches of uploaded pictures, by what proved a certificate.", ["method"]
)
MAIL_DIGESTS = Counter("mail_digests", "Attempts to send a mail digest, by outcome.", ["outcome"])
WEBHOOKS = Counter("webhook_tries", "Messages of webhooks sent, by what came of it.", ["outcome"])
WORKER_SICK = Gauge(
    "worker_sick",
    "1 while this GPU worker claims nothing, by the reason.",
    ["reason"],
    multiprocess_mode="mostrecent",
)


def count_deep_search(method: str) -> None:
    """Count a search that ended, by the method of its surest finding, or `none`."""
    DEEP_SEARCHES.labels(method).inc()


def count_mail_digest(outcome: str) -> None:
    """Count an attempt that ended with a status of MailDigestStatus; `queued` is tried again."""
    MAIL_DIGESTS.labels(outcome).inc()


def count_webhook(outcome: str) -> None:
    """Count a try of a webhook: delivered, retried, failed, busy or stale."""
    WEBHOOKS.labels(outcome).inc()


def count_failure(cause: str) -> None:
    """Count an attempt of the running task that failed for a cause of docs/api.md."""
    task_name = structlog.contextvars.get_contextvars().get("task", "")
    TASK_FAILURES.labels(task_name, cause).inc()
