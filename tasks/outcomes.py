"""How the attempt behind one queue message ended."""

from enum import StrEnum

from tasks.messages import Answer

# States of a generation, a style or a segmentation that wait for the next attempt.
WAITING = frozenset({"queued", "pending", "retrying"})


class Outcome(StrEnum):
    """How an attempt at a job ended.

    done: completed, or released at the end of a slice; retried: failed and queued again; failed:
    the job has ended; ignored: the message or the lease was stale, nothing was changed.
    """

    DONE = "done"
    RETRIED = "retried"
    FAILED = "failed"
    IGNORED = "ignored"


class JobFailure(Exception):
    """A recorded failure: Celery shows its text with the states RETRY and FAILURE."""


def outcome_of_failure(answer: Answer) -> Outcome:
    """Return the outcome of an attempt from the answer to its failure report."""
    if not answer.applied:
        return Outcome.IGNORED
    return Outcome.RETRIED if answer.status in WAITING else Outcome.FAILED
