import subprocess
import sys

import pytest
from sqlalchemy import select, update

from gpu.errors import ModelMissing
from tasks.gpu_jobs import segmenting
from tasks.on_cpu.record_masks import record_masks
from tasks.on_gpu.segment_photos import segment_photos
from tasks.worker_errors import ResultRejectedError
from tests import making, sets_albums as albums
from tests.left_half import BROKEN, UNSERVED, LeftHalf
from webapp.domain import due_jobs, jobs
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import SegmentationStatus, SetsInstance, SetsSegmentation
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.services import sets_credits, sets_photos


@pytest.fixture
def segmenter(monkeypatch):
    """What this process's worker segments with."""
    made = LeftHalf()
    monkeypatch.setattr(segmenting, "segmenter", lambda: made)
    segmenting.worker_api.cache_clear()
    yield made
    segmenting.worker_api.cache_clear()


@pytest.fixture
def searched(committed, site_storage):
    """Make an executed job whose photos are searched; return it and the jobs of the searches."""

    def make(**columns):
        with committed.begin() as session:
            job = albums.album(session, site_storage, status=SetsJobStatus.QUEUED, **columns)
            for photo in albums.photos_of(session, job):
                sets_photos.enqueue_next_step(session, photo.id)
            return job, [each.id for each in albums.work(session, JobKind.SEGMENTATION)]

    return make


def runs(committed):
    with committed() as session:
        return list(session.scalars(select(SetsSegmentation).order_by(SetsSegmentation.id)))


def job_of(committed, job_id):
    with committed() as session:
        return session.get_one(Job, job_id)


def test_a_photo_is_segmented_over_http_alone_and_its_masks_recorded(
    committed, site, searched, segmenter
):
    _job, (job_id, _) = searched(protect=["Grout"])
    segment_photos(job_id=job_id)
    assert runs(committed)[0].status == SegmentationStatus.RUNNING
    assert job_of(committed, job_id).step == "record_masks"
    record_masks(job_id=job_id)
    with committed() as session:
        (instance,) = session.scalars(select(SetsInstance)).all()
        assert (instance.concept, instance.box) == (
            "Wall",
            [0, 0, albums.SIZE[0] // 2, albums.SIZE[1]],
        )
        assert len(albums.work(session, JobKind.PHOTO_EDIT)) == 1
    assert segmenter.prompts == [["painted or papered wall", "grout lines between tiles"]]


def test_a_second_rule_never_segments(committed, site, searched, segmenter):
    job, job_ids = searched()
    for job_id in job_ids:
        segment_photos(job_id=job_id)
        record_masks(job_id=job_id)
    with committed.begin() as session:
        # Another job of the same files: its photos have no masks of their own.
        owner = session.get_one(SetsAccount, job.account_id)
        sets_credits.grant(session, owner.id, 2, key="another rule")
        other = albums.album(session, of=owner, status=SetsJobStatus.QUEUED)
        for mine, its in zip(
            albums.photos_of(session, other), albums.photos_of(session, job), strict=True
        ):
            mine.sha256 = its.sha256
            session.flush()
            sets_photos.enqueue_next_step(session, mine.id)
        assert len(albums.work(session, JobKind.SEGMENTATION)) == 2
        assert len(albums.work(session, JobKind.PHOTO_EDIT)) == 4
    assert len(segmenter.prompts) == 2


def test_a_prompt_that_cannot_be_read_ends_the_photo_at_once(committed, site, searched, segmenter):
    thing = {"Thing": {"action": "recolor", "value": "#112233", "prompt": BROKEN}}
    _job, (job_id, _) = searched(concepts=thing)
    segment_photos(job_id=job_id)
    assert runs(committed)[0].failure_code == "INVALID_PROMPT"
    assert job_of(committed, job_id).state == JobState.FAILED


def test_a_prompt_that_cannot_be_read_does_not_fail_the_others(
    committed, site, searched, segmenter
):
    thing = {"Thing": {"action": "recolor", "value": "#112233", "prompt": BROKEN}}
    _job, (job_id, _) = searched(concepts=thing | albums.WALL)
    segment_photos(job_id=job_id)
    record_masks(job_id=job_id)
    with committed() as session:
        assert [each.concept for each in session.scalars(select(SetsInstance))] == ["Wall"]
        assert len(albums.work(session, JobKind.PHOTO_EDIT)) == 1


def test_a_concept_that_the_segmenter_does_not_serve_is_not_found_and_the_others_are(
    committed, site, searched, segmenter
):
    own = {"My sofa": {"action": "recolor", "value": "#112233", "prompt": UNSERVED}}
    _job, (job_id, _) = searched(concepts=own | albums.WALL)
    segment_photos(job_id=job_id)
    record_masks(job_id=job_id)
    with committed() as session:
        assert [each.concept for each in session.scalars(select(SetsInstance))] == ["Wall"]
        assert len(albums.work(session, JobKind.PHOTO_EDIT)) == 1


def test_a_worker_without_its_segmenter_uses_up_the_tries_of_a_photo(
    committed, site, searched, monkeypatch
):
    def missing():
        raise ModelMissing("no weights")

    monkeypatch.setattr(segmenting, "segmenter", missing)
    segmenting.worker_api.cache_clear()
    _job, (job_id, _) = searched()
    tries = []
    while job_of(committed, job_id).state == JobState.QUEUED:
        with committed.begin() as session:
            session.execute(update(Job).values(run_at=jobs.NOW))
        with pytest.raises(ModelMissing):
            segment_photos(job_id=job_id)
        tries.append(job_of(committed, job_id).failure_cause)
    assert tries[0] == "WORKER_LOST"
    assert len(tries) <= 4
    assert runs(committed)[0].failure_code == "WORKER_LOST"


def test_a_photo_that_is_not_there_is_tried_again(
    committed, site, site_storage, searched, segmenter, monkeypatch
):
    job, (job_id, _) = searched()
    with committed() as session:
        site_storage.delete(albums.photos_of(session, job)[0].photo_key)
    segment_photos(job_id=job_id)
    assert (job_of(committed, job_id).state, job_of(committed, job_id).tries) == ("queued", 1)
    assert runs(committed)[0].status == SegmentationStatus.QUEUED


def test_an_error_that_nobody_foresaw_is_reported_and_raised(
    committed, site, searched, segmenter, monkeypatch
):
    monkeypatch.setattr(segmenter, "segment", lambda *_: 1 / 0)
    _job, (job_id, _) = searched()
    with pytest.raises(ZeroDivisionError):
        segment_photos(job_id=job_id)
    assert runs(committed)[0].failure_code == "INTERNAL_ERROR"


def test_a_late_worker_changes_nothing(committed, site, searched, segmenter, monkeypatch):
    _job, (job_id, _) = searched()
    real = segmenter.segment

    def slowly(*arguments):
        with committed.begin() as session:
            making.change_job(session, job_id, lease_until=jobs.NOW - jobs.DEADLINES["training"])
            assert due_jobs.requeue_expired(session) == 1
        return real(*arguments)

    monkeypatch.setattr(segmenter, "segment", slowly)
    segment_photos(job_id=job_id)
    assert job_of(committed, job_id).step == "segment_photos"
    assert job_of(committed, job_id).handover == {}


def test_a_canceled_run_is_not_claimed(committed, site, searched, segmenter):
    _job, (job_id, _) = searched()
    with committed.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(state=JobState.CANCELED))
    segment_photos(job_id=job_id)
    assert segmenter.prompts == []


def test_keys_and_concepts_that_were_not_given_out_are_rejected(
    committed, site, searched, segmenter
):
    _job, (job_id, second) = searched()
    api = segmenting.worker_api()
    for wrong, name in ((job_id, "Wall"), (second, "Ceiling")):
        (claimed,) = api.claim(job_id=wrong)
        key = claimed.upload["mask-000"].key if name == "Ceiling" else "masks/1/1-x.png"
        result = segmenting.SegmentResult(
            segmentation_id=claimed.payload.segmentation_id,
            fence=claimed.fence,
            segmenter="classic",
            version="1",
            masks=[{"concept": name, "mask_key": key, "score": 1}],
        )
        with pytest.raises(ResultRejectedError):
            api.complete(result)
        assert job_of(committed, wrong).tries == 1


def test_a_worker_without_sam3_imports_no_torch():
    code = (
        "import sys, tasks.on_cpu, tasks.on_gpu;"
        "from gpu.segmenting import clicks;"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0
