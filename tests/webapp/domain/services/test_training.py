import pytest
from sqlalchemy import select

from celery_config import TaskName
from tests import making
from webapp.domain import jobs, pipelines
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Artwork, ArtworkStatus, PublishWhen, Style, Tag
from webapp.domain.services import checkpoints, training
from webapp.domain.services.training import Verdict


@pytest.fixture
def run(session, storage):
    return making.training(session, storage, works=12, status=ArtworkStatus.PENDING)


def begin(session, run, step=TaskName.VALIDATE_UPLOADS):
    job = making.job_of(session, run)
    making.change_job(session, job.id, step=step)
    return jobs.claim(session, job.id, step, 60)


def verdicts(session, run, *, bad=0):
    ids = session.scalars(
        select(Artwork.id).where(Artwork.style_id == run.style_id).order_by(Artwork.idx)
    ).all()
    return [
        Verdict(artwork_id, code="IMAGE_CORRUPT")
        if place < bad
        else Verdict(artwork_id, None, f"artworks/{artwork_id}.png", 600, 512, "a" * 64, "0f" * 8)
        for place, artwork_id in enumerate(ids)
    ]


def statuses(session, run):
    session.expire_all()
    return [
        (work.status, work.code)
        for work in session.scalars(
            select(Artwork).where(Artwork.style_id == run.style_id).order_by(Artwork.idx)
        )
    ]


def test_ten_good_images_of_twelve_are_enough(session, run):
    lease = begin(session, run)
    assert training.record_verdicts(session, lease, verdicts(session, run, bad=2))

    job = making.job_of(session, run)
    assert (job.step, job.state) == (TaskName.TRAIN_STYLE, JobState.QUEUED)
    assert statuses(session, run) == [("rejected", "IMAGE_CORRUPT")] * 2 + [("valid", None)] * 10
    assert session.scalars(select(Notification)).all() == []


def test_nine_good_images_end_the_run_and_the_artist_is_told(session, run):
    lease = begin(session, run)
    training.record_verdicts(session, lease, verdicts(session, run, bad=3))

    session.refresh(run)
    style = session.get(Style, run.style_id)
    session.refresh(style)
    assert making.job_of(session, run).state == JobState.FAILED
    assert (style.training_status, run.failure_cause) == ("failed", "INSUFFICIENT_IMAGES")
    assert run.failure_message.startswith("9 of 12")
    [told] = session.scalars(select(Notification))
    assert (told.type, told.target_id) == ("style_training_failed", style.id)


def test_verdicts_of_a_lost_worker_are_not_stored(session, run):
    lease = begin(session, run)
    jobs.release(session, lease)
    assert not training.record_verdicts(session, lease, verdicts(session, run, bad=12))
    assert set(statuses(session, run)) == {("pending", None)}


def test_only_images_that_wait_are_judged_and_clean_copies_stand_for_lost_originals(session, run):
    works = session.scalars(select(Artwork).order_by(Artwork.idx)).all()
    works[0].is_removed = True
    works[1].status = ArtworkStatus.REJECTED
    works[2].clean_key = "artworks/clean.png"
    session.flush()

    uploads = training.uploads_to_validate(session, begin(session, run))

    assert [upload.artwork_id for upload in uploads] == [work.id for work in works[2:]]
    assert (uploads[0].key, uploads[0].is_clean) == ("artworks/clean.png", True)
    assert (uploads[1].key, uploads[1].is_clean) == (works[3].upload_key, False)


def publication(session, run):
    lease = begin(session, run, TaskName.TRAIN_STYLE)
    pipelines.advance_style(session, run.style_id, "training")
    for step in (50, 100):
        making.checkpoint(session, run, step=step)
    jobs.queue_next_step(session, lease)
    lease = jobs.claim(session, lease.job_id, TaskName.PUBLISH_STYLE, 60)
    return training.publication(session, lease)


def publish(session, found):
    return training.publish(session, found, making.signed(found))


def test_a_trained_style_waits_for_its_artist_who_is_told(session, run):
    found = publication(session, run)
    assert publish(session, found)

    style = session.get(Style, run.style_id)
    session.refresh(style)
    session.refresh(run)
    last = found.checkpoints[-1].checkpoint_id
    assert (style.training_status, style.is_active) == ("trained", True)
    assert (style.adapter_key, style.adapter_sha256, style.sample_keys) == (None, None, [])
    assert style.thumbnail_key == f"thumbnails/{last}-0.webp"
    assert (run.progress, run.finished_at is not None) == (None, True)
    assert session.scalars(select(Tag)).all() == []
    [told] = session.scalars(select(Notification))
    assert (told.type, told.target_id) == ("style_trained", style.id)
    assert making.job_of(session, run).state == JobState.DONE


def test_a_style_that_was_to_go_on_sale_by_itself_sells_its_last_checkpoint(session, run):
    style = session.get(Style, run.style_id)
    style.publish = PublishWhen.WHEN_TRAINED
    session.flush()
    found = publication(session, run)
    assert publish(session, found)

    session.refresh(style)
    session.refresh(run)
    last = found.checkpoints[-1]
    assert style.training_status == "completed"
    assert (style.adapter_key, style.adapter_sha256) == (last.adapter_key, last.adapter_sha256)
    samples = [f"samples/{last.checkpoint_id}-{place}.webp" for place in range(2)]
    assert style.sample_keys == samples
    assert style.thumbnail_key == f"thumbnails/{last.checkpoint_id}-0.webp"
    assert (run.progress, run.finished_at is not None) == (None, True)
    assert {tag.name: tag.usage_count for tag in session.scalars(select(Tag))} == dict.fromkeys(
        style.tags, 1
    )
    [told] = session.scalars(select(Notification))
    assert told.type == "style_training_complete"
    assert making.job_of(session, run).state == JobState.DONE


def test_a_style_is_published_once(session, run):
    found = publication(session, run)
    assert publish(session, found)
    assert not publish(session, found)
    assert len(session.scalars(select(Notification)).all()) == 1


def test_a_lost_publisher_publishes_nothing(session, run):
    found = publication(session, run)
    jobs.release(session, found.lease)
    assert not publish(session, found)
    assert session.get(Style, run.style_id).adapter_key is None


def test_a_run_that_has_ended_does_not_fail_again(session, run):
    publish(session, publication(session, run))
    training.fail(session, run.id, "TIMEOUT", "late")
    session.refresh(run)
    assert run.failure_cause is None
    assert session.get(Style, run.style_id).training_status == "trained"


def again(session, run):
    """The style trained once more, from where it stands."""
    assert pipelines.advance_style(session, run.style_id, "pending")
    second = training.TrainingRun(style_id=run.style_id, seed=2)
    session.add(second)
    session.flush()
    jobs.enqueue(session, JobKind.TRAINING, second.id, batch_key="built-in")
    return second


@pytest.mark.parametrize("by_artist", [True, False])
def test_what_was_learned_before_stays_when_training_again_ends_badly(session, run, by_artist):
    publish(session, publication(session, run))
    second = again(session, run)
    if by_artist:
        assert training.cancel(session, second)
    else:
        training.fail(session, second.id, "GPU_OOM", "")

    style = session.get(Style, run.style_id, populate_existing=True)
    assert style.training_status == "trained"
    assert [each.step for each in checkpoints.of_style(session, style.id)] == [50, 100]


def test_what_was_learned_before_goes_when_training_again_ends_well(session, run):
    publish(session, publication(session, run))
    before = checkpoints.of_style(session, run.style_id)
    second = again(session, run)
    publish(session, publication(session, second))

    now = checkpoints.of_style(session, run.style_id)
    assert {each.training_run_id for each in now} == {second.id}
    for each in before:
        session.refresh(each)
        assert (each.adapter_key, each.sample_keys, each.thumbnail_keys) == (None, [], [])


def test_each_run_of_a_style_is_told_on_its_own(session, run):
    for _ in range(2):
        training.fail(session, run.id, "TIMEOUT", "")
    assert len(session.scalars(select(Notification)).all()) == 1
    pipelines.advance_style(session, run.style_id, "pending")
    second = training.TrainingRun(style_id=run.style_id, seed=2)
    session.add(second)
    session.flush()
    training.fail(session, second.id, "TIMEOUT", "")
    assert len(session.scalars(select(Notification)).all()) == 2


@pytest.mark.parametrize("ends_well", [True, False])
def test_an_ended_run_lets_its_checkpoint_go(session, run, ends_well):
    run.checkpoint_key = "training/1/1-x.checkpoint"
    session.flush()
    if ends_well:
        publish(session, publication(session, run))
    else:
        training.fail(session, run.id, "TIMEOUT", "")
    session.refresh(run)
    assert run.checkpoint_key is None
