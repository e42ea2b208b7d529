from datetime import timedelta

import pytest
from sqlalchemy import func, select

from celery_config import TaskName
from tests import making
from webapp.domain import ended_jobs, jobs
from webapp.domain.models.job import Job, JobState
from webapp.domain.queries import generations
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generations as generation_services

MONTH = timedelta(days=30)
NOW = func.clock_timestamp()


@pytest.fixture
def image(session):
    """A failed image whose job ended 31 days ago."""
    image = making.generation(session)
    generation_services.fail(session, image.id, "TIMEOUT", "")
    end(session, making.job_of(session, image).id, days=31)
    return image


def end(session, job_id, *, days):
    ended = NOW - timedelta(days=days)
    making.change_job(session, job_id, state=JobState.FAILED, finished_at=ended)


def purge(session, *, limit=10):
    return ended_jobs.purge(session, older_than=MONTH, limit=limit)


def test_only_jobs_that_ended_long_ago_are_deleted(session, image):
    recent, unfinished = (making.job_of(session, making.generation(session)) for _ in range(2))
    end(session, recent.id, days=29)
    making.change_job(session, unfinished.id, created_at=NOW - 2 * MONTH)

    assert purge(session) == 1

    assert set(session.scalars(select(Job.id))) == {recent.id, unfinished.id}


def test_no_more_are_deleted_at_once_than_asked(session, image):
    end(session, making.job_of(session, making.generation(session)).id, days=32)
    assert [purge(session, limit=1) for _ in range(3)] == [1, 1, 0]


def test_an_image_is_shown_and_proved_without_its_job(session, storage, image):
    purge(session)
    viewer = Viewer(image.user_id)
    shown = generations.detail(session, storage, generation_id=image.id, viewer=viewer)
    assert shown.status == "failed"
    assert making.violations(session) == []


def test_a_late_message_of_a_deleted_job_is_stale(session, image):
    job_id = making.job_of(session, image).id
    purge(session)
    assert jobs.claim(session, job_id, TaskName.RENDER_IMAGES, 60) is None


def test_jobs_of_trainings_stay_because_the_next_one_continues_their_fence(session):
    run = making.training(session)
    job = session.scalars(select(Job).where(Job.ref == run.id)).one()
    end(session, job.id, days=99)
    assert purge(session) == 0
