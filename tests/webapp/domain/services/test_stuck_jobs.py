from datetime import timedelta

import pytest
from sqlalchemy import update

from tests import sets_albums as albums
from tests.statements import plan_of
from webapp.domain.jobs import NOW
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.services import sets_exports, sets_photos, stuck_jobs
from webapp.domain.services.stuck_jobs import JobSet


@pytest.fixture
def job(session, environment):
    """A running job with a photo that is checked, one that is searched and one that is edited."""
    made = albums.album(session, photos=3, status=SetsJobStatus.RUNNING)
    checked, searched, edited = albums.photos_of(session, made)
    checked.status = "awaited"
    session.flush()
    sets_photos.check(session, checked)
    albums.instance(session, edited)
    for photo in (searched, edited):
        sets_photos.enqueue_next_step(session, photo.id)
    sets_exports.prepare(session, made)
    return made


def test_work_on_sets_names_its_job_and_its_photo(session, job):
    session.execute(update(Job).values(deadline_at=NOW - timedelta(minutes=1)))
    about = {row.kind: row.set for row in stuck_jobs.stuck(session)}
    set_id = job.public_id
    assert about == {
        JobKind.PHOTO_CHECK: JobSet(set_id, 0),
        JobKind.SEGMENTATION: JobSet(set_id, 1),
        JobKind.PHOTO_EDIT: JobSet(set_id, 2),
        JobKind.SETS_EXPORT: JobSet(set_id, None),
    }


def test_work_on_sets_that_failed_is_shown_as_other_work_is(session, job):
    session.execute(update(Job).values(state=JobState.FAILED, finished_at=NOW))
    assert {failed.set.id for failed in stuck_jobs.dead(session)} == {job.public_id}


def test_what_jobs_are_about_is_looked_up_by_id(session, environment):
    plan = plan_of(session, lambda: stuck_jobs.stuck(session))
    for table in ("sets_edits", "sets_photos", "sets_jobs", "sets_segmentations"):
        assert f"Seq Scan on {table}" not in plan
