import numpy as np
import pytest
from sqlalchemy import select, update

from gpu.segmenting.masks import encode_mask
from tests import making, sets_albums as albums
from tests.images import decoded
from tests.webapp.conftest import WORKER_HEADERS, error_code
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.models.sets_instance import SegmentationStatus, SetsSegmentation
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_photos


@pytest.fixture
def job(session, storage):
    """An executed job of three photos whose edits wait."""
    made = albums.album(
        session, storage, photos=3, status=SetsJobStatus.QUEUED, has_watermark=False
    )
    for photo in albums.photos_of(session, made):
        albums.instance(session, photo, storage)
        sets_photos.enqueue_next_step(session, photo.id)
    session.commit()
    return made


@pytest.fixture
def searched(session, storage):
    """An executed job whose photos are searched."""
    made = albums.album(session, storage, status=SetsJobStatus.QUEUED)
    for photo in albums.photos_of(session, made):
        sets_photos.enqueue_next_step(session, photo.id)
    session.commit()
    return made


@pytest.fixture
def report(app):
    """Report on a photo as a worker outside would."""

    def call(job, idx, *, source="sets-worker", **fields):
        body = {"status": "done", "idempotency_key": f"{job.public_id}:{idx}:attempt1"} | fields
        return app.test_client().post(
            f"/api/v1/sets/jobs/{job.public_id}/callback",
            json={"idx": idx} | body,
            headers=WORKER_HEADERS | {"X-Request-Source": source},
        )

    return call


@pytest.fixture
def put(storage):
    """Store a file of the reporter's; return its key."""

    def store(job, name, data=None):
        key = f"outputs/{job.public_id}/{name}"
        storage.put(key, albums.photo_png() if data is None else data, content_type="image/png")
        return key

    return store


def told(answer):
    assert answer.status_code == 200, answer.json
    data = answer.json["data"]
    return data["applied"], data["status"], data.get("reason")


def test_results_and_a_failure_end_the_job_with_one_credit_back(report, put, job, session, storage):
    for idx in range(2):
        keys = {"output_key": put(job, f"{idx}.png"), "preview_key": put(job, f"{idx}-small.webp")}
        answer = report(job, idx, **keys)
        assert told(answer) == (True, "running", None)
    answer = report(job, 2, status="failed", error={"code": "GPU_OOM", "message": "Too large."})
    assert told(answer) == (True, "done", None)
    assert answer.json["data"]["progress"] == {"done": 2, "failed": 1, "total": 3}
    assert albums.credits_of(session, job) == 1
    first, _, last = albums.photos_of(session, job)
    assert last.failure_code == "GPU_OOM"
    assert first.result_sha256 == albums.sha256(storage.get(first.result_key))
    assert not first.result_key.startswith("outputs/")  # a copy that nobody outside can overwrite
    states = {each.state for each in albums.work(session, JobKind.PHOTO_EDIT)}
    assert states == {JobState.CANCELED}
    assert making.violations(session) == []


def test_a_photo_of_the_free_plan_gets_its_watermark_here(report, put, job, session, storage):
    session.execute(update(SetsJob).values(has_watermark=True))
    session.commit()
    data = albums.photo_png(3)
    key, small = put(job, "0.png", data), put(job, "0.webp", b"without a watermark")
    assert told(report(job, 0, output_key=key, preview_key=small)) == (True, "running", None)
    photo = albums.photos_of(session, job)[0]
    stored = storage.get(photo.result_key)
    plain, marked = (np.asarray(decoded(each).convert("RGB")) for each in (data, stored))
    assert marked.shape == plain.shape
    assert (marked != plain).any(axis=2).mean() > 0.02
    assert (photo.result_sha256, photo.result_size) == (albums.sha256(stored), len(stored))
    preview = decoded(storage.get(photo.result_preview_key))
    assert (preview.format, preview.size) == ("WEBP", albums.SIZE)
    damaged = put(job, "1.png", data[:-400] + bytes(400))
    assert error_code(report(job, 1, output_key=damaged)) == "RESULT_REJECTED"


def test_what_was_searched_and_not_found_is_a_warning_of_an_external_result(
    report, put, job, session
):
    photo = albums.photos_of(session, job)[0]
    session.execute(update(SetsJob).values(protect=["Grout", "Frame_Molding"]))
    concepts = [{"name": "Grout", "prompt": "grout", "is_many": False}]
    session.add(SetsSegmentation(photo_id=photo.id, concepts=concepts, status="ready"))
    session.commit()
    assert told(report(job, 0, output_key=put(job, "0.png")))[0] is True
    warnings = albums.photos_of(session, job)[0].warnings
    assert warnings == [{"code": "CONCEPT_NOT_FOUND", "concept": "Grout"}]


def test_the_same_report_counts_once(report, put, job, session):
    key = put(job, "0.png")
    assert told(report(job, 0, output_key=key))[0] is True
    assert told(report(job, 0, output_key=key)) == (False, "running", "duplicate")
    # by the state of the photo, not only by the key
    other = report(job, 0, output_key=key, idempotency_key="another")
    assert told(other) == (False, "running", "duplicate")
    assert told(report(job, 0, status="failed"))[2] == "terminal"


def test_a_report_on_another_attempt_changes_nothing(report, put, job):
    answer = report(job, 0, output_key=put(job, "0.png"), attempt=2)
    assert told(answer) == (False, "queued", "stale_attempt")


def test_a_report_after_the_cancellation_is_late(report, put, job, session):
    sets_photos.pipelines.advance_sets_job(session, job.id, SetsJobStatus.CANCELED)
    for photo in albums.photos_of(session, job):
        sets_photos.end(session, photo, PhotoStatus.CANCELED)
    session.commit()
    answer = report(job, 0, output_key=put(job, "0.png"))
    assert told(answer) == (False, "canceled", "terminal")


def test_what_is_no_result_is_rejected_and_changes_nothing(report, put, job, session, storage):
    other = albums.album(session)
    session.commit()
    reasons = {
        f"outputs/{job.public_id}/missing.png": "file_missing",
        albums.photos_of(session, job)[0].photo_key: "file_missing",
        put(other, "0.png"): "file_missing",
        put(job, "text.png", b"no picture"): "file_missing",
        put(job, "small.png", albums.photo_png(size=(10, 10))): "wrong_size",
    }
    for key, reason in reasons.items():
        answer = report(job, 0, output_key=key)
        assert error_code(answer) == "RESULT_REJECTED", key
        assert answer.json["error"]["details"]["reason"] == reason
    assert albums.photos_of(session, job)[0].status == PhotoStatus.QUEUED


def test_a_failure_may_be_told_in_words_alone(report, job, session):
    report(job, 0, status="failed", error="It was dark.")
    photo = albums.photos_of(session, job)[0]
    assert (photo.failure_code, photo.failure_message) == ("UNKNOWN", "It was dark.")


def test_who_is_unknown_or_asks_for_the_unknown_is_refused(report, job, put):
    assert error_code(report(job, 0, source="inference-server")) == "CALLBACK_UNAUTHORIZED"
    assert error_code(report(job, 77, status="failed")) == "NOT_FOUND"
    assert error_code(report(job, 0)) == "VALIDATION_ERROR"
    job.public_id = "job_unknown"
    assert error_code(report(job, 0, status="failed")) == "JOB_NOT_FOUND"


def test_masks_found_outside_go_to_their_recording(report, put, searched, session):
    key = put(searched, "wall.png", encode_mask(albums.left_half()).png)
    found = [{"concept": "Wall", "mask_key": key, "score": 0.8, "number": 1, "area": 5}]
    answer = report(searched, 0, kind="segment", instances=found)
    assert told(answer) == (True, "queued", None)
    waiting = albums.work(session, JobKind.SEGMENTATION)[0]
    assert waiting.step == "record_masks"
    assert waiting.handover["found"][0]["mask_key"] != key
    assert told(report(searched, 0, kind="segment", instances=found))[2] == "duplicate"


def test_a_search_that_failed_outside_is_tried_again(report, searched, session):
    error = {"code": "GPU_OOM", "message": ""}
    assert told(report(searched, 0, kind="segment", status="failed", error=error))[0] is True
    run = session.scalars(select(SetsSegmentation).order_by(SetsSegmentation.id)).first()
    assert run.status == SegmentationStatus.QUEUED
    late = report(searched, 0, kind="segment", status="failed", error=error)
    assert told(late)[2] == "stale_attempt"
