from dataclasses import asdict

import pytest
from sqlalchemy import select, update

from tests import making, sets_albums as albums
from tests.statements import statements
from webapp.domain import pipelines
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import (
    InstanceState,
    SegmentationStatus,
    SetsInstance,
    SetsSegmentation,
)
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_credits, sets_masks, sets_photos
from webapp.domain.services.sets_choices import ConceptQuery
from webapp.domain.services.sets_masks import FoundMask

WALL = "painted or papered wall"  # the preset's words
FOUND = FoundMask("masks/found.png", (0, 0, 48, 64), 3072, 0.9)


@pytest.fixture
def executed(session, environment):
    """A job whose execution has just begun."""
    return albums.album(session, photos=2, status=SetsJobStatus.QUEUED)


def searched_in(session, photo):
    """What each run over a photo was asked for."""
    runs = session.scalars(
        select(SetsSegmentation)
        .where(SetsSegmentation.photo_id == photo.id)
        .order_by(SetsSegmentation.id)
    )
    return [[each["name"] for each in run.concepts] for run in runs]


def remember(session, photo, found, *, prompt=WALL, segmenter="classic", version="1", of=None):
    """Have it known what a segmenter found for an account, if no other for that of the photo."""
    of = of or session.get_one(SetsAccount, session.get_one(SetsJob, photo.job_id).account_id)
    sets_credits.grant(session, of.id, 1, key=f"{photo.id}:{prompt}:{version}:{segmenter}")
    before = albums.album(session, of=of, photos=1)
    same = albums.photos_of(session, before)[0]
    same.sha256 = photo.sha256
    concept = {"name": "Wall", "prompt": prompt, "is_many": False}
    session.add(SetsSegmentation(photo_id=same.id, concepts=[concept], status="ready"))
    session.flush()
    sets_masks.cache_masks(
        session, photo.sha256, prompt, found, segmenter=segmenter, version=version
    )


def instances_of(session, photo):
    query = select(SetsInstance).where(SetsInstance.photo_id == photo.id)
    return list(session.scalars(query.order_by(SetsInstance.number)))


def test_a_photo_without_masks_is_segmented_for_its_rules_and_its_protection(session, environment):
    job = albums.album(session, status=SetsJobStatus.QUEUED, protect=["Grout"])
    photo = albums.photos_of(session, job)[0]
    sets_photos.enqueue_next_step(session, photo.id)
    assert searched_in(session, photo) == [["Wall", "Grout"]]
    assert [each.step for each in albums.work(session, JobKind.SEGMENTATION)] == ["segment_photos"]
    assert albums.work(session, JobKind.PHOTO_EDIT) == []
    session.refresh(photo)
    assert photo.status == PhotoStatus.QUEUED


def test_concepts_cost_no_statements_of_their_own(session, environment):
    names = ["Wall", "Grout", "Frame_Molding", "Glass_highlight", "Window", "Door"]
    counts = []
    for protect in ([], names):
        job = albums.album(session, photos=1, status=SetsJobStatus.QUEUED, protect=protect)
        [photo] = albums.photos_of(session, job)
        with statements(session) as sent:
            sets_photos.enqueue_next_step(session, photo.id)
        counts.append(len(sent))
        assert len(searched_in(session, photo)[0]) == max(1, len(protect))
    assert counts == [10, 10]


def test_a_photo_with_masks_is_edited_under_its_reserved_credit(session, executed):
    photo = albums.photos_of(session, executed)[0]
    albums.instance(session, photo)
    sets_photos.enqueue_next_step(session, photo.id)
    edit = albums.edits_of(session, photo)[0]
    assert [each.ref for each in albums.work(session, JobKind.PHOTO_EDIT)] == [edit.id]
    assert searched_in(session, photo) == []


def test_going_on_again_changes_nothing(session, executed):
    clicked, other = albums.photos_of(session, executed)
    albums.instance(session, clicked)
    for photo in (clicked, other) * 3:
        sets_photos.enqueue_next_step(session, photo.id)
    assert len(albums.work(session, JobKind.PHOTO_EDIT)) == 1
    assert len(albums.work(session, JobKind.SEGMENTATION)) == 1


@pytest.mark.parametrize(
    "status", [SetsJobStatus.UPLOADED, SetsJobStatus.CANCELED, SetsJobStatus.DONE]
)
def test_a_photo_whose_job_is_not_executed_waits(session, environment, status):
    job = albums.album(session, status=status)
    photo = albums.photos_of(session, job)[0]
    sets_photos.enqueue_next_step(session, photo.id)
    session.refresh(photo)
    assert photo.status == PhotoStatus.READY
    assert albums.work(session, JobKind.SEGMENTATION) == []


def test_a_photo_that_is_still_checked_waits(session, executed):
    albums.put_all(session, executed, PhotoStatus.CHECKING)
    photo = albums.photos_of(session, executed)[0]
    sets_photos.enqueue_next_step(session, photo.id)
    session.refresh(photo)
    assert photo.status == PhotoStatus.CHECKING


def test_masks_in_the_cache_become_instances_and_nothing_is_searched(session, executed):
    photo = albums.photos_of(session, executed)[0]
    doubtful = FoundMask("masks/doubtful.png", (50, 0, 9, 9), 81, 0.2)
    remember(session, photo, [FOUND, doubtful])
    sets_photos.enqueue_next_step(session, photo.id)
    sure, unsure = instances_of(session, photo)
    assert (sure.number, sure.mask_key, sure.state) == (1, FOUND.mask_key, InstanceState.INCLUDE)
    assert (unsure.number, unsure.state) == (2, InstanceState.EXCLUDE)
    assert albums.work(session, JobKind.SEGMENTATION) == []
    assert len(albums.work(session, JobKind.PHOTO_EDIT)) == 1


def test_what_others_have_uploaded_is_told_to_nobody(session, executed):
    photo = albums.photos_of(session, executed)[0]
    remember(session, photo, [FOUND], of=albums.account(session))
    sets_photos.enqueue_next_step(session, photo.id)
    assert searched_in(session, photo) == [["Wall"]]
    assert instances_of(session, photo) == []


def test_a_large_photo_may_have_fewer_instances():
    sizes = [(96, 64), (4000, 3000), (8000, 6250)]
    assert [sets_masks.most_instances(*size) for size in sizes] == [200, 166, 40]


def test_an_empty_answer_in_the_cache_is_an_answer(session, executed):
    photo = albums.photos_of(session, executed)[0]
    remember(session, photo, [])
    sets_photos.enqueue_next_step(session, photo.id)
    assert albums.work(session, JobKind.SEGMENTATION) == []


def test_masks_of_another_segmenter_or_an_older_version_are_not_used(session, executed):
    first, second = albums.photos_of(session, executed)
    remember(session, first, [FOUND], version="1")
    remember(session, second, [FOUND], segmenter="sam3")
    remember(session, second, [FOUND], prompt="ceiling", version="2")
    for photo in (first, second):
        sets_photos.enqueue_next_step(session, photo.id)
        assert searched_in(session, photo) == [["Wall"]]


def test_what_a_run_has_searched_is_not_searched_by_the_next(session, executed):
    photo = albums.photos_of(session, executed)[0]
    session.add(
        SetsSegmentation(
            photo_id=photo.id,
            concepts=[asdict(ConceptQuery("Wall", WALL))],
            status=SegmentationStatus.READY,
        )
    )
    session.flush()
    sets_photos.enqueue_next_step(session, photo.id)
    assert albums.work(session, JobKind.SEGMENTATION) == []
    assert len(albums.work(session, JobKind.PHOTO_EDIT)) == 1


def test_a_group_of_photos_may_have_settings_of_its_own(session, environment):
    floor = {"Floor": {"action": "recolor", "value": "#112233"}}
    mine = {"Own thing": {"action": "recolor", "value": "#112233", "prompt": "red sofa"}}
    overrides = [{"group": "bathroom", "concepts": floor}, {"items": [1], "concepts": mine}]
    job = albums.album(session, status=SetsJobStatus.QUEUED, overrides=overrides)
    first, second = albums.photos_of(session, job)
    first.group = "bathroom"
    session.flush()
    for photo in (first, second):
        sets_photos.enqueue_next_step(session, photo.id)
    assert searched_in(session, first) == [["Wall", "Floor"]]
    assert searched_in(session, second) == [["Wall", "Own thing"]]
    prompts = session.scalars(
        select(SetsSegmentation.concepts).order_by(SetsSegmentation.id.desc())
    )
    assert prompts.first()[1]["prompt"] == "red sofa"


def test_a_request_to_segment_has_a_row_even_when_all_is_known(session, environment):
    job = albums.album(session)
    photo, other = albums.photos_of(session, job)
    remember(session, photo, [FOUND])
    wanted = [ConceptQuery("Wall", WALL)]
    assert sets_photos.segment(session, photo, wanted) is False
    assert sets_photos.segment(session, other, wanted) is True
    query = select(SetsSegmentation).where(SetsSegmentation.photo_id.in_([photo.id, other.id]))
    runs = session.scalars(query.order_by(SetsSegmentation.id)).all()
    assert [(run.photo_id, run.status) for run in runs] == [
        (photo.id, SegmentationStatus.READY),
        (other.id, SegmentationStatus.QUEUED),
    ]
    assert [each.ref for each in albums.work(session, JobKind.SEGMENTATION)] == [runs[1].id]


def own_words(prompt):
    return [ConceptQuery("Sofa", prompt, is_many=True)]


def search(session, photo, prompt, *masks):
    """Search a concept and have it found."""
    assert sets_photos.segment(session, photo, own_words(prompt)) is True
    session.execute(update(SetsSegmentation).values(status=SegmentationStatus.READY))
    sets_masks.add_instances(session, photo.id, "Sofa", masks)


def test_other_words_for_a_concept_that_was_found_are_searched(session, environment):
    photo = albums.photos_of(session, albums.album(session, photos=1))[0]
    search(session, photo, "sofa", FOUND)
    assert sets_photos.segment(session, photo, own_words("sofa")) is False
    assert sets_photos.segment(session, photo, own_words("red sofa")) is True


def test_other_words_in_a_rule_are_searched_unless_a_person_clicked(session, environment):
    sofa = {"Sofa": {"action": "recolor", "value": "#204060", "prompt": "red sofa"}}
    job = albums.album(session, status=SetsJobStatus.QUEUED, concepts=sofa)
    found, clicked = albums.photos_of(session, job)
    search(session, found, "sofa", FOUND)
    search(session, clicked, "sofa", FOUND)
    albums.instance(session, clicked, concept="Sofa")
    for photo in (found, clicked):
        sets_photos.enqueue_next_step(session, photo.id)
    assert searched_in(session, found) == [["Sofa"], ["Sofa"]]
    assert searched_in(session, clicked) == [["Sofa"]]


def test_known_masks_of_other_words_take_the_place_of_the_earlier_ones(session, environment):
    photo = albums.photos_of(session, albums.album(session, photos=1))[0]
    chosen = FoundMask("masks/chosen.png", (0, 0, 9, 9), 81, 0.9)
    search(session, photo, "sofa", FOUND, chosen)
    session.execute(
        update(SetsInstance)
        .where(SetsInstance.mask_key == chosen.mask_key)
        .values(state=InstanceState.LOCK)
    )
    other = FoundMask("masks/other.png", (20, 0, 9, 9), 81, 0.9)
    remember(session, photo, [other], prompt="red sofa")
    assert sets_photos.segment(session, photo, own_words("red sofa")) is False
    keys = {each.mask_key for each in instances_of(session, photo)}
    assert keys == {chosen.mask_key, other.mask_key}
    assert sets_photos.segment(session, photo, own_words("red sofa")) is False
    assert len(instances_of(session, photo)) == 2


def test_a_clicked_concept_is_searched_when_a_person_asks_for_it(session, environment):
    photo = albums.photos_of(session, albums.album(session))[0]
    albums.instance(session, photo, number=1)
    assert sets_photos.segment(session, photo, [ConceptQuery("Wall", WALL)]) is True


def test_the_end_of_a_photo_ends_all_work_on_it_and_returns_its_credit(session, executed):
    photo, other = albums.photos_of(session, executed)
    for each in (photo, other):
        sets_photos.enqueue_next_step(session, each.id)
    assert sets_photos.end(
        session, photo, PhotoStatus.FAILED, failure_code="TIMEOUT", failure_message="Slow."
    )
    assert not sets_photos.end(session, photo, PhotoStatus.CANCELED)
    session.refresh(photo)
    assert (photo.status, photo.failure_code) == (PhotoStatus.FAILED, "TIMEOUT")
    assert albums.credits_of(session, executed) == 1
    ended, alive = albums.work(session, JobKind.SEGMENTATION)
    assert (ended.state, alive.state) == (JobState.CANCELED, JobState.QUEUED)
    assert not sets_photos.is_being_segmented(session, photo.id)
    assert sets_photos.is_being_segmented(session, other.id)


def told(session):
    rows = session.scalars(select(Notification).order_by(Notification.id))
    return [(row.type, row.details["done"], row.details["failed"]) for row in rows]


@pytest.fixture
def running(session, environment):
    """A running job of a person."""
    owner = albums.account(session, balance=2, user=making.user(session))
    job = albums.album(session, of=owner, status=SetsJobStatus.RUNNING)
    albums.put_all(session, job, PhotoStatus.RUNNING)
    return job


def test_a_job_goes_on_until_its_last_photo_has_ended(session, running):
    albums.put_all(session, running, PhotoStatus.DONE, 0, result_key="results/1.png")
    assert not sets_photos.end_job_if_over(session, running.id)
    albums.put_all(session, running, PhotoStatus.FAILED, 1)
    assert sets_photos.end_job_if_over(session, running.id)
    session.refresh(running)
    assert running.status == SetsJobStatus.DONE
    assert running.finished_at is not None
    assert told(session) == [("set_job_complete", 1, 1)]


def test_a_job_without_a_single_result_failed(session, running):
    albums.put_all(session, running, PhotoStatus.FAILED)
    assert sets_photos.end_job_if_over(session, running.id)
    assert not sets_photos.end_job_if_over(session, running.id)
    session.refresh(running)
    assert running.status == SetsJobStatus.FAILED
    assert told(session) == [("set_job_failed", 0, 2)]


def test_a_job_that_was_tried_again_is_told_again(session, running):
    albums.put_all(session, running, PhotoStatus.FAILED)
    sets_photos.end_job_if_over(session, running.id)
    pipelines.advance_sets_job(session, running.id, SetsJobStatus.RUNNING)
    sets_photos.sets_credits.return_credit(
        session, albums.edits_of(session, albums.photos_of(session, running)[0])[0].id
    )
    sets_photos.sets_credits.reserve(
        session, running, albums.photos_of(session, running)[:1], attempt=2
    )
    assert sets_photos.end_job_if_over(session, running.id)
    assert [kind for kind, *_ in told(session)] == ["set_job_failed"] * 2


def test_nobody_is_told_of_an_anonymous_job(session, executed):
    albums.put_all(session, executed, PhotoStatus.FAILED)
    assert sets_photos.end_job_if_over(session, executed.id)
    assert told(session) == []


@pytest.mark.parametrize("status", [SetsJobStatus.UPLOADED, SetsJobStatus.CANCELED])
def test_a_job_that_is_not_executed_does_not_end_by_its_photos(session, environment, status):
    job = albums.album(session, status=status)
    albums.put_all(session, job, PhotoStatus.FAILED)
    assert not sets_photos.end_job_if_over(session, job.id)
    session.refresh(job)
    assert job.status == status
