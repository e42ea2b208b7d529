import io
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from tasks.on_cpu import apply_rules as module
from tasks.on_cpu.apply_rules import apply_rules
from tasks.on_cpu.finish_photo import finish_photo
from tests import making, sets_albums as albums
from webapp.domain import due_jobs, jobs
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.sets_instance import InstanceState
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_masks, sets_photos

RED = (192, 74, 43)  # of the albums' rule
GROUND = (slice(4, None), slice(albums.SIZE[0] // 2 + 4, None))


@pytest.fixture
def executed(committed, storage):
    """Make an executed job with a wall in each photo; return it and its edits' jobs."""

    def make(*, instances=({},), status=SetsJobStatus.QUEUED, **columns):
        with committed.begin() as session:
            job = albums.album(
                session, storage, status=status, **{"has_watermark": False} | columns
            )
            for photo in albums.photos_of(session, job):
                for number, each in enumerate(instances, start=1):
                    albums.instance(session, photo, storage, **{"number": number} | each)
                sets_photos.enqueue_next_step(session, photo.id)
            return job, [each.id for each in albums.work(session, JobKind.PHOTO_EDIT)]

    return make


def edit(committed, job, job_id):
    """Run both steps of an edit; return the photo of the job that stands first."""
    apply_rules(job_id=job_id)
    finish_photo(job_id=job_id)
    return first_photo(committed, job)


def first_photo(committed, job):
    with committed() as session:
        return albums.photos_of(session, job)[0]


def pixels(storage, key):
    return np.asarray(Image.open(io.BytesIO(storage.get(key)))).astype(int)


def painted(levels):
    """The median colour of the wall."""
    return np.median(levels[4:, 4:40].reshape(-1, levels.shape[-1]), axis=0)[:3]


def test_the_wall_gets_its_colour_and_all_else_stays(committed, storage, executed):
    job, (job_id, _) = executed()
    photo = edit(committed, job, job_id)
    assert photo.status == PhotoStatus.DONE
    before, after = (pixels(storage, key) for key in (photo.photo_key, photo.result_key))
    assert np.abs(painted(after) - RED).max() <= 3
    assert np.array_equal(before[GROUND], after[GROUND])
    assert photo.result_sha256 == albums.sha256(storage.get(photo.result_key))
    assert photo.result_size == len(storage.get(photo.result_key))
    assert photo.warnings == []


def test_the_free_plan_has_a_watermark_on_result_and_preview(committed, storage, executed):
    job, (job_id, _) = executed(has_watermark=True)
    photo = edit(committed, job, job_id)
    before = pixels(storage, photo.photo_key)
    for key in (photo.result_key, photo.result_preview_key):
        changed = np.abs(pixels(storage, key)[GROUND] - before[GROUND]).max(axis=2) > 12
        assert changed.mean() > 0.01


def test_the_last_photo_ends_the_job_and_keeps_all_credits(committed, storage, executed):
    job, job_ids = executed()
    for job_id in job_ids:
        edit(committed, job, job_id)
    with committed() as session:
        assert session.get_one(SetsJob, job.id).status == SetsJobStatus.DONE
        assert albums.credits_of(session, job) == 0
        assert [each.kind for each in albums.work(session, JobKind.SETS_EXPORT)] == ["sets_export"]
        assert making.violations(session) == []


def test_beginning_shows_photo_and_job_as_running(committed, storage, executed):
    job, (job_id, _) = executed()
    apply_rules(job_id=job_id)
    assert first_photo(committed, job).status == PhotoStatus.RUNNING
    with committed() as session:
        assert session.get_one(SetsJob, job.id).status == SetsJobStatus.RUNNING


def test_an_instance_may_have_a_rule_of_its_own(committed, storage, executed):
    blue = {"rule": {"action": "recolor", "value": "#2040C0"}, "state": InstanceState.INCLUDE}
    job, (job_id, _) = executed(instances=(blue,))
    after = pixels(storage, edit(committed, job, job_id).result_key)
    assert np.abs(painted(after) - (0x20, 0x40, 0xC0)).max() <= 3


def test_locked_and_protected_parts_keep_their_bytes(committed, storage, executed):
    upper = albums.left_half()
    upper[32:] = False
    lower = albums.left_half()
    lower[:44] = False
    parts = (
        {},
        {"concept": "Frame_Molding", "mask": upper},
        {"concept": "Door", "mask": lower, "state": InstanceState.LOCK},
    )
    job, (job_id, _) = executed(instances=parts, protect=["Frame_Molding"])
    photo = edit(committed, job, job_id)
    before, after = (pixels(storage, key) for key in (photo.photo_key, photo.result_key))
    for mask in (upper, lower):
        assert np.array_equal(before[mask], after[mask])
    assert np.abs(np.median(after[36:40, 4:40].reshape(-1, 3), axis=0) - RED).max() <= 3


def test_an_excluded_instance_is_not_painted(committed, storage, executed):
    upper = albums.left_half()
    upper[32:] = False
    parts = (
        {"mask": upper, "state": InstanceState.EXCLUDE},
        {"mask": albums.left_half() & ~upper},
    )
    job, (job_id, _) = executed(instances=parts)
    photo = edit(committed, job, job_id)
    before, after = (pixels(storage, key) for key in (photo.photo_key, photo.result_key))
    assert np.array_equal(before[:28], after[:28])
    assert np.abs(np.median(after[40:, 4:40].reshape(-1, 3), axis=0) - RED).max() <= 3


def test_overrides_change_the_setting_of_one_photo(committed, storage, executed):
    green = {"Wall": {"action": "recolor", "value": "#208040"}}
    job, job_ids = executed(overrides=[{"items": [1], "concepts": green}])
    for job_id in job_ids:
        edit(committed, job, job_id)
    with committed() as session:
        first, second = albums.photos_of(session, job)
    assert np.abs(painted(pixels(storage, first.result_key)) - RED).max() <= 3
    assert np.abs(painted(pixels(storage, second.result_key)) - (0x20, 0x80, 0x40)).max() <= 3


def test_a_concept_that_is_not_there_is_a_warning(committed, storage, executed):
    both = albums.WALL | {"Floor": {"action": "recolor", "value": "#112233"}}
    # It was searched: the photo has an instance that the segmenter is not sure of.
    doubtful = {"concept": "Floor", "state": InstanceState.EXCLUDE, "score": 0.1}
    job, (job_id, _) = executed(instances=({}, doubtful), concepts=both)
    photo = edit(committed, job, job_id)
    assert photo.status == PhotoStatus.DONE
    assert photo.warnings == [{"code": "CONCEPT_NOT_FOUND", "concept": "Floor"}]


def test_a_photo_in_which_nothing_is_found_fails_and_costs_nothing(committed, storage, executed):
    doubtful = {"state": InstanceState.EXCLUDE, "score": 0.1}
    job, job_ids = executed(instances=(doubtful,))
    photo = edit(committed, job, job_ids[0])
    assert (photo.status, photo.failure_code) == (PhotoStatus.FAILED, "CONCEPT_NOT_FOUND")
    assert "Wall" in photo.failure_message
    with committed() as session:
        assert albums.credits_of(session, job) == 1
        assert session.get_one(SetsJob, job.id).status == SetsJobStatus.RUNNING


def test_textures_and_matches_find_swatches_and_other_photos(committed, storage, executed):
    both = {
        "Wall": {"action": "texture", "value": "white_tile", "options": {"share": 0.5}},
        "Floor": {"action": "tone", "value": "match:1"},
    }
    right = ~albums.left_half()
    job, (job_id, _) = executed(instances=({}, {"concept": "Floor", "mask": right}), concepts=both)
    with committed.begin() as session:
        other = albums.photos_of(session, job)[1]
        small = io.BytesIO()
        Image.new("RGB", (40, 30), (250, 250, 250)).save(small, "WEBP")
        storage.put(other.preview_key, small.getvalue(), content_type="image/webp")
    photo = edit(committed, job, job_id)
    before, after = (pixels(storage, key) for key in (photo.photo_key, photo.result_key))
    assert after[4:, 4:40].std() > before[4:, 4:40].std()
    assert after[GROUND].mean() > before[GROUND].mean() + 40


def test_a_rule_that_cannot_be_read_ends_the_photo_at_once(committed, storage, executed):
    job, (job_id, _) = executed(concepts={"Wall": {"action": "recolor", "value": "no_such"}})
    photo = edit(committed, job, job_id)
    assert (photo.status, photo.failure_code) == (PhotoStatus.FAILED, "INVALID_RULE")


def test_a_missing_photo_is_tried_again_and_then_ends(committed, storage, executed):
    job, (job_id, _) = executed()
    storage.delete(first_photo(committed, job).photo_key)
    for _ in range(4):
        with committed.begin() as session:
            making.change_job(session, job_id, run_at=jobs.NOW)
        apply_rules(job_id=job_id)
    photo = first_photo(committed, job)
    assert (photo.status, photo.failure_code) == (PhotoStatus.FAILED, "NETWORK")
    assert photo.failure_message == "A stored file could not be read."  # not its key


def test_an_error_that_nobody_foresaw_is_told_without_its_class(
    committed, storage, executed, monkeypatch
):
    job, (job_id, _) = executed()
    monkeypatch.setattr(module, "edited", lambda _edit: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        apply_rules(job_id=job_id)
    photo = first_photo(committed, job)
    assert photo.failure_code == "INTERNAL_ERROR"
    assert photo.failure_message == "An unexpected error occurred."


def test_a_late_worker_changes_nothing_and_overwrites_nothing(
    committed, storage, executed, monkeypatch
):
    job, (job_id, _) = executed()
    edited = module.edited

    def slowly(work):
        """Lose the lease to a second worker, which finishes first."""
        with committed.begin() as session:
            making.change_job(session, job_id, lease_until=jobs.NOW - timedelta(seconds=1))
            assert due_jobs.requeue_expired(session) == 1
        monkeypatch.setattr(module, "edited", edited)
        edit(committed, job, job_id)
        return edited(work)

    monkeypatch.setattr(module, "edited", slowly)
    apply_rules(job_id=job_id)
    photo = first_photo(committed, job)
    with committed() as session:
        assert session.get_one(Job, job_id).state == JobState.DONE
        assert [bool(each.delivered_at) for each in albums.edits_of(session, photo)] == [True]
    assert photo.result_sha256 == albums.sha256(storage.get(photo.result_key))


def test_delivery_happens_once(committed, storage, executed):
    job, (job_id, _) = executed()
    edit(committed, job, job_id)
    key = first_photo(committed, job).result_key
    finish_photo(job_id=job_id)
    finish_photo(job_id=10**9)
    assert first_photo(committed, job).result_key == key


def test_a_canceled_photo_is_not_delivered(committed, storage, executed):
    job, (job_id, _) = executed()
    apply_rules(job_id=job_id)
    with committed.begin() as session:
        sets_photos.lock_job(session, job.id)
        sets_photos.end(session, albums.photos_of(session, job)[0], PhotoStatus.CANCELED)
    finish_photo(job_id=job_id)
    assert first_photo(committed, job).status == PhotoStatus.CANCELED
    with committed() as session:
        assert albums.credits_of(session, job) == 1


def test_a_photo_of_more_masks_than_memory_holds_fails_and_costs_nothing(
    committed, executed, monkeypatch
):
    monkeypatch.setattr(sets_masks, "MAX_MASK_PIXELS", 2 * albums.SIZE[0] * albums.SIZE[1])
    job, (job_id, _) = executed(instances=({}, {}, {}))
    apply_rules(job_id=job_id)
    photo = first_photo(committed, job)
    assert (photo.status, photo.failure_code) == (PhotoStatus.FAILED, "TOO_MANY_INSTANCES")
    with committed() as session:
        assert albums.credits_of(session, job) == 1
