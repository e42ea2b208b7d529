import math
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from celery_config import TaskName
from tests import making
from webapp.domain import due_jobs
from webapp.domain.models.generation import GenerationStatus
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Style, TrainingStatus
from webapp.domain.pipelines import PIPELINES
from webapp.domain.services import claimed_jobs, job_attempts, ledger, worker_leases

RENDER, TRAIN = TaskName.RENDER_IMAGES, TaskName.TRAIN_STYLE
NOW = func.clock_timestamp()


@pytest.fixture
def image(session, environment):
    return making.generation(session)


@pytest.fixture
def run(session, environment):
    return making.training(session, step=TRAIN)


def begin(session, row, step):
    job = making.job_of(session, row)
    making.change_job(session, job.id, run_at=NOW)
    return job_attempts.claim(session, job.id, step)


def told(session):
    rows = session.scalars(select(Notification).order_by(Notification.id))
    return [(row.type, row.recipient_id) for row in rows]


def wait_of(session, row):
    job = making.job_of(session, row)
    """The seconds until an attempt, to ten seconds: the machine may pause meanwhile."""
    return 10 * math.ceil((job.run_at - session.scalar(select(NOW))).total_seconds() / 10)


def test_beginning_shows_the_image_as_being_worked_on(session, image):
    assert begin(session, image, RENDER).attempt == 1
    session.refresh(image)
    assert image.status == GenerationStatus.PROCESSING


def test_a_stale_message_begins_nothing(session, image):
    assert begin(session, image, TaskName.STAMP_SIGNATURE) is None
    assert job_attempts.claim(session, 10**9, RENDER) is None
    session.refresh(image)
    assert image.status == GenerationStatus.QUEUED


@pytest.mark.parametrize("cause", sorted(job_attempts.RETRYABLE_CAUSES))
def test_a_retryable_cause_waits_0_30_and_120_seconds_and_then_ends_refunded(session, image, cause):
    waits = []
    for attempt in (1, 2, 3):
        lease = begin(session, image, RENDER)
        assert lease.attempt == attempt
        assert job_attempts.fail(session, lease, cause, "again")
        waits.append(wait_of(session, image))
        session.refresh(image)
        assert (image.status, image.progress) == (GenerationStatus.RETRYING, None)
        assert ledger.balances(session, image.user_id) == ledger.Balances(90, 10, 0)
        assert told(session) == []
    assert waits == [0, 30, 120]

    lease = begin(session, image, RENDER)
    assert lease.attempt == 4
    assert job_attempts.fail(session, lease, cause, "for good")

    session.refresh(image)
    assert (image.status, image.failure_cause) == (GenerationStatus.FAILED, cause)
    assert making.job_of(session, image).state == JobState.FAILED
    assert ledger.balances(session, image.user_id) == ledger.Balances(100, 0, 0)
    assert told(session) == [("generation_failed", image.user_id)]
    assert making.violations(session) == []


@pytest.mark.parametrize(
    "cause", ["INVALID_PROMPT", "SAFETY_BLOCKED", "MODEL_MISSING", "INTERNAL_ERROR"]
)
def test_any_other_cause_ends_at_once_refunded_and_told(session, image, cause):
    job_attempts.fail(session, begin(session, image, RENDER), cause, "no")

    session.refresh(image)
    assert image.status == GenerationStatus.FAILED
    assert ledger.balances(session, image.user_id).spendable == 100
    assert told(session) == [("generation_failed", image.user_id)]


def test_a_failure_reported_again_changes_nothing(session, image):
    lease = begin(session, image, RENDER)
    assert job_attempts.fail(session, lease, "INVALID_PROMPT", "no")
    assert not job_attempts.fail(session, lease, "INVALID_PROMPT", "no")
    assert not job_attempts.fail(session, lease, "TIMEOUT", "no")
    assert ledger.balances(session, image.user_id).spendable == 100
    assert len(told(session)) == 1


def test_lost_workers_use_up_no_tries_and_the_fourth_ends_the_image(session, image):
    for crash in range(1, 5):
        lease = begin(session, image, RENDER)
        assert (lease.attempt, crash) == (1, crash)
        making.change_job(session, lease.job_id, lease_until=NOW - timedelta(seconds=1))
        due_jobs.requeue_expired(session)
    job = making.job_of(session, image)
    assert job.step == TaskName.REFUND

    assert job_attempts.abandon(session, job.id)
    assert not job_attempts.abandon(session, job.id)

    session.refresh(image)
    assert (image.status, image.failure_cause) == (GenerationStatus.FAILED, "WORKER_LOST")
    assert ledger.balances(session, image.user_id) == ledger.Balances(100, 0, 0)
    assert told(session) == [("generation_failed", image.user_id)]
    assert making.violations(session) == []


def test_an_image_past_its_deadline_is_refunded_whatever_it_was_doing(session, image):
    lease = begin(session, image, RENDER)
    making.change_job(session, lease.job_id, deadline_at=NOW - timedelta(seconds=1))
    due_jobs.end_overdue(session)
    assert job_attempts.abandon(session, lease.job_id)

    session.refresh(image)
    assert (image.status, image.failure_cause) == (GenerationStatus.FAILED, "TIMEOUT")
    assert not job_attempts.fail(session, lease, "GPU_OOM", "the zombie returns")
    assert making.violations(session) == []


def test_only_a_job_that_was_given_up_is_abandoned(session, image):
    job = making.job_of(session, image)
    assert not job_attempts.abandon(session, job.id)
    assert not job_attempts.abandon(session, 10**9)
    session.refresh(image)
    assert image.status == GenerationStatus.QUEUED


def test_a_new_worker_starts_its_progress_anew(session, image):
    """The old one's 80 % would make every report of the new one look old."""
    lease = begin(session, image, RENDER)
    image.progress = {"progress_percent": 80}
    session.flush()
    making.change_job(session, lease.job_id, lease_until=NOW - timedelta(seconds=1))
    due_jobs.requeue_expired(session)
    begin(session, image, RENDER)
    session.refresh(image)
    assert image.progress is None


def test_checking_uploads_is_not_yet_training(session, environment):
    run = making.training(session)
    begin(session, run, TaskName.VALIDATE_UPLOADS)
    assert session.get(Style, run.style_id).training_status == TrainingStatus.PENDING


def test_a_training_retries_and_ends_as_an_image_does(session, run):
    style = session.get(Style, run.style_id)
    for attempt in (1, 2, 3):
        lease = begin(session, run, TRAIN)
        session.refresh(style)
        assert style.training_status == TrainingStatus.TRAINING
        job_attempts.fail(session, lease, "GPU_OOM", "again")
        session.refresh(style)
        session.refresh(run)
        assert style.training_status == TrainingStatus.PENDING
        assert (run.attempt, run.progress) == (attempt + 1, None)
        assert told(session) == []

    job_attempts.fail(session, begin(session, run, TRAIN), "GPU_OOM", "for good")

    session.refresh(style)
    session.refresh(run)
    assert style.training_status == TrainingStatus.FAILED
    assert (run.failure_cause, run.finished_at is not None) == ("GPU_OOM", True)
    assert told(session) == [("style_training_failed", style.artist_id)]


def test_a_training_given_up_is_told_with_its_cause(session, run):
    job = making.job_of(session, run)
    making.change_job(session, job.id, deadline_at=NOW - timedelta(seconds=1))
    due_jobs.end_overdue(session)
    job_attempts.abandon(session, job.id)

    session.refresh(run)
    assert run.failure_cause == "TIMEOUT"
    assert len(told(session)) == 1


def test_every_kind_of_job_says_what_its_row_does(environment):
    assert set(job_attempts.ROWS) == set(JobKind)
    assert set(worker_leases.REPORTED) == {
        kind for kind, pipeline in PIPELINES.items() if pipeline.gpu_step
    }
    assert set(worker_leases.REPORTED) == set(claimed_jobs._JOBS)
    for kind in worker_leases.REPORTED:
        assert claimed_jobs.lease_seconds(kind) > 0


def test_a_kind_that_takes_no_reports_is_an_error_and_not_another_kind(session, environment):
    for kind in set(JobKind) - set(worker_leases.REPORTED):
        with pytest.raises(KeyError):
            claimed_jobs.lease_seconds(kind)
        with pytest.raises(KeyError):
            worker_leases.status(session, kind, 1)
