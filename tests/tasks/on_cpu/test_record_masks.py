import numpy as np
import pytest
from sqlalchemy import select, update

from celery_config import TaskName
from gpu.segmenting.masks import encode_mask, intersection_over_union
from tasks.on_cpu import pictures
from tasks.on_cpu.record_masks import SAME_INSTANCE, _Shape, record_masks
from tests import making, sets_albums as albums
from webapp.domain import jobs
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.models.sets_instance import (
    InstanceSource,
    InstanceState,
    SegmentationStatus,
    SetsInstance,
    SetsMask,
    SetsSegmentation,
)
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_choices, sets_photos, sets_segmentations
from webapp.domain.services.sets_segmentations import ReportedMask

WANTED = [
    sets_choices.ConceptQuery("Window", "window", is_many=True),
    sets_choices.ConceptQuery("Wall", "painted or papered wall"),
]


def box(left, top, right, bottom):
    """The mask of a rectangle in a photo of the albums."""
    mask = np.zeros((albums.SIZE[1], albums.SIZE[0]), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


SMALL, LARGE = box(2, 2, 12, 12), box(20, 2, 44, 30)


@pytest.fixture
def album(committed, storage):
    with committed.begin() as session:
        return albums.album(session, storage)


def report(committed, storage, job, *masks, execute=False, version="1"):
    """Have the first photo segmented, report masks; return the id of the job."""
    with committed.begin() as session:
        photo = albums.photos_of(session, job)[0]
        session.execute(update(SetsSegmentation).values(status=SegmentationStatus.FAILED))
        sets_photos._search(session, photo, WANTED)
        if execute:
            session.execute(update(type(job)).values(status=SetsJobStatus.QUEUED))
        job_id = albums.work(session, JobKind.SEGMENTATION)[-1].id
        lease = jobs.claim(session, job_id, TaskName.SEGMENT_PHOTOS, 60)
        reported = []
        for number, (concept, mask, score) in enumerate(masks):
            key = f"masks/{lease.ref}/{lease.fence}-{number}.png"
            if mask is not None:
                storage.put(key, encode_mask(mask).png, content_type="image/png")
            reported.append(ReportedMask(concept, key, score))
        sets_segmentations.queue_recording(
            session, lease, reported, segmenter="classic", version=version
        )
    return job_id


def instances(committed):
    with committed() as session:
        return list(
            session.scalars(
                select(SetsInstance).order_by(SetsInstance.concept, SetsInstance.number)
            )
        )


def test_masks_become_instances_the_largest_first(committed, storage, album):
    job_id = report(committed, storage, album, ("Window", SMALL, 0.8), ("Window", LARGE, 0.2))
    record_masks(job_id=job_id)
    large, small = instances(committed)
    assert (large.number, large.box, large.area) == (1, [20, 2, 24, 28], 24 * 28)
    assert (small.number, small.box, small.area) == (2, [2, 2, 10, 10], 100)
    assert (large.state, small.state) == (InstanceState.EXCLUDE, InstanceState.INCLUDE)
    with committed() as session:
        run = session.scalars(select(SetsSegmentation)).one()
        assert run.status == SegmentationStatus.READY
        assert albums.work(session, JobKind.SEGMENTATION)[0].state == JobState.DONE


def test_every_prompt_is_remembered_even_if_nothing_was_found(committed, storage, album):
    record_masks(job_id=report(committed, storage, album, ("Window", SMALL, 0.8)))
    with committed() as session:
        rows = session.scalars(select(SetsMask).order_by(SetsMask.prompt)).all()
        assert [(row.prompt, len(row.found)) for row in rows] == [
            (WANTED[1].prompt, 0),
            ("window", 1),
        ]
        assert rows[0].photo_sha256 == albums.photos_of(session, album)[0].sha256


def test_what_a_full_run_found_is_not_remembered_as_all_there_is(
    committed, storage, album, monkeypatch
):
    monkeypatch.setattr(sets_segmentations, "MAX_MASKS", 2)
    found = [("Window", SMALL, 0.9), ("Window", LARGE, 0.8)]
    record_masks(job_id=report(committed, storage, album, *found))
    assert len(instances(committed)) == 2
    with committed() as session:
        assert session.scalars(select(SetsMask)).all() == []
    record_masks(job_id=report(committed, storage, album, *found[:1]))
    with committed() as session:
        assert len(session.scalars(select(SetsMask)).all()) == len(WANTED)


def test_a_number_stays_when_the_photo_is_segmented_again(committed, storage, album):
    record_masks(
        job_id=report(committed, storage, album, ("Window", SMALL, 0.8), ("Window", LARGE, 0.9))
    )
    small = instances(committed)[1]
    with committed.begin() as session:
        session.get_one(SetsInstance, small.id).state = InstanceState.LOCK
    wider = SMALL | box(2, 2, 14, 12)
    new = box(60, 40, 70, 50)
    job_id = report(
        committed, storage, album, ("Window", wider, 0.7), ("Window", new, 0.9), version="2"
    )
    record_masks(job_id=job_id)
    again, added = instances(committed)
    assert (again.id, again.number, again.state) == (small.id, 2, InstanceState.LOCK)
    assert again.area == 120
    assert added.number == 3  # the large one was found no more, and nobody had chosen it


def test_a_clicked_mask_stays_as_it_is(committed, storage, album):
    with committed.begin() as session:
        photo = albums.photos_of(session, album)[0]
        clicked = albums.instance(session, photo, storage, concept="Window", number=1, mask=SMALL)
    job_id = report(committed, storage, album, ("Window", SMALL | box(2, 2, 13, 13), 0.9))
    record_masks(job_id=job_id)
    (only,) = instances(committed)
    assert (only.mask_key, only.source) == (clicked.mask_key, InstanceSource.CLICKED)


def test_a_proposal_that_is_found_is_none_any_more(committed, storage, album):
    with committed.begin() as session:
        photo = albums.photos_of(session, album)[0]
        carried = {"source": InstanceSource.CARRIED, "state": InstanceState.EXCLUDE}
        albums.instance(session, photo, storage, number=4, mask=LARGE, **carried)
        wall = [sets_choices.ConceptQuery("Wall", "painted or papered wall")]
        assert sets_photos.sets_masks.missing(session, photo, wall, clicks_count=True) == wall
    record_masks(job_id=report(committed, storage, album, ("Wall", LARGE, 0.9)))
    (only,) = instances(committed)
    assert (only.number, only.source, only.state) == (
        4,
        InstanceSource.FOUND,
        InstanceState.INCLUDE,
    )


def test_a_photo_of_an_executed_job_goes_on_to_its_edit(committed, storage, album):
    job_id = report(committed, storage, album, ("Wall", LARGE, 0.9), execute=True)
    record_masks(job_id=job_id)
    with committed() as session:
        assert len(albums.work(session, JobKind.PHOTO_EDIT)) == 1
        assert albums.photos_of(session, album)[0].status == PhotoStatus.QUEUED


@pytest.mark.parametrize("mask", [None, np.ones((3, 5), np.bool_)], ids=["missing", "another size"])
def test_a_mask_that_is_none_of_the_photo_fails_the_run(committed, storage, album, mask):
    job_id = report(committed, storage, album, ("Wall", mask, 0.9), execute=True)
    for _ in range(4):
        with committed.begin() as session:
            making.change_job(session, job_id, run_at=jobs.NOW)
        record_masks(job_id=job_id)
    with committed() as session:
        assert session.scalars(select(SetsSegmentation)).one().status == SegmentationStatus.FAILED
    assert instances(committed) == []


def test_an_empty_mask_shows_nothing(committed, storage, album):
    record_masks(job_id=report(committed, storage, album, ("Wall", SMALL & LARGE, 0.9)))
    assert instances(committed) == []


def test_a_run_that_fails_before_the_execution_costs_no_photo(committed, storage, album):
    job_id = report(committed, storage, album, ("Wall", None, 0.9))
    with committed.begin() as session:
        sets_segmentations.fail(session, albums.work(session, JobKind.SEGMENTATION)[0].ref, "X", "")
    with committed() as session:
        assert albums.photos_of(session, album)[0].status == PhotoStatus.READY
    record_masks(job_id=job_id)


def test_a_run_that_fails_under_way_ends_its_photo_and_returns_the_credit(
    committed, storage, album
):
    with committed.begin() as session:
        session.execute(update(type(album)).values(status=SetsJobStatus.QUEUED))
        photo, other = albums.photos_of(session, album)
        sets_photos.enqueue_next_step(session, photo.id)
        run = albums.work(session, JobKind.SEGMENTATION)[0].ref
        sets_segmentations.fail(session, run, "GPU_OOM", "Too large.")
    with committed() as session:
        photo, other = albums.photos_of(session, album)
        assert (photo.status, photo.failure_code) == (PhotoStatus.FAILED, "GPU_OOM")
        assert other.status == PhotoStatus.READY
        assert albums.credits_of(session, album) == 1


def test_each_mask_is_read_once_however_many_lie_over_each_other(
    committed, storage, album, monkeypatch
):
    read, keys = pictures.read, []
    monkeypatch.setattr(pictures, "read", lambda key: keys.append(key) or read(key))
    with committed.begin() as session:
        photo = albums.photos_of(session, album)[0]
        for number, column in enumerate((0, 20, 40), start=1):
            mask = box(column, 0, column + 30, 60)
            albums.instance(session, photo, storage, concept="Window", number=number, mask=mask)
    windows = [("Window", box(column, 0, column + 30, 60), 0.9) for column in (10, 30, 50)]
    record_masks(job_id=report(committed, storage, album, *windows))
    assert sorted(keys) == sorted(set(keys))
    assert len(keys) == 6


def test_shapes_agree_as_their_masks_do():
    chance = np.random.default_rng(7)
    for _ in range(40):
        first, second = (
            box(*_corners(chance)) & (chance.random(albums.SIZE[::-1]) < 0.9) for _ in "ab"
        )
        if not (first.any() and second.any()):
            continue
        agreed = intersection_over_union(first, second)
        iou = _Shape.of(first).agreement(_Shape.of(second))
        assert iou == pytest.approx(agreed) or max(iou, agreed) < SAME_INSTANCE


def _corners(chance):
    left, right = sorted(chance.integers(0, 97, 2))
    top, bottom = sorted(chance.integers(0, 65, 2))
    return left, top, right, bottom
