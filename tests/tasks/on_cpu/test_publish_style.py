import io

import pytest
from PIL import Image, ImageChops, ImageStat
from sqlalchemy import select, update

from celery_config import TaskName
from tasks.on_cpu.publish_style import publish_style
from tests import making
from webapp.domain import jobs, pipelines
from webapp.domain.models.account import Artist
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Style
from webapp.domain.services import checkpoints

ADAPTER_KEY = "training/1/1-adapter.safetensors"
SAMPLES = ["training/1/1-first.png", "training/1/1-last.png"]


@pytest.fixture
def trained(committed, storage):
    """A training that handed over two checkpoints of two samples each; its job's id."""
    with committed.begin() as session:
        run = making.training(session, storage, step=TaskName.TRAIN_STYLE)
        job = making.job_of(session, run)
        lease = jobs.claim(session, job.id, TaskName.TRAIN_STYLE, 60)
        pipelines.advance_style(session, run.style_id, "training")
        making.checkpoint(session, run, storage, step=50)
        making.checkpoint(
            session,
            run,
            step=100,
            adapter_key=ADAPTER_KEY,
            adapter_sha256=making.ADAPTER_SHA256,
            sample_keys=SAMPLES,
        )
        jobs.queue_next_step(session, lease)
    storage.put(ADAPTER_KEY, making.ADAPTER, content_type="application/octet-stream")
    for seed, key in enumerate(SAMPLES):
        storage.put(key, making.picture_png(seed=seed), content_type="image/png")
    return job.id


def standing(committed, job_id):
    with committed() as session:
        return session.scalars(select(Style)).one(), session.get(Job, job_id)


def test_a_trained_style_shows_its_artist_signed_samples_of_every_checkpoint(
    committed, storage, trained
):
    publish_style(job_id=trained)

    style, job = standing(committed, trained)
    assert (style.training_status, job.state) == ("trained", JobState.DONE)
    with committed() as session:
        retained = checkpoints.of_style(session, style.id)
    assert [len(each.sample_keys) for each in retained] == [2, 2]
    for key in [key for each in retained for key in [*each.sample_keys, *each.thumbnail_keys]]:
        assert Image.open(io.BytesIO(storage.get(key))).format == "WEBP"
    assert style.thumbnail_key == retained[-1].thumbnail_keys[0]


def test_checkpoints_share_the_samples_of_the_base_model_which_have_no_signature(
    committed, storage, trained
):
    publish_style(job_id=trained)

    with committed() as session:
        first, last = session.scalars(select(Checkpoint).order_by(Checkpoint.step))
    assert first.base_sample_keys == last.base_sample_keys
    shown = [Image.open(io.BytesIO(storage.get(key))) for key in last.base_sample_keys]
    assert [(each.format, each.size) for each in shown] == [("WEBP", (384, 384))] * 2
    drawn = Image.open(io.BytesIO(making.picture_png(seed=52))).convert("RGB").resize((384, 384))
    assert ImageStat.Stat(ImageChops.difference(drawn, shown[0].convert("RGB"))).mean[0] < 5


def test_a_style_that_goes_on_sale_by_itself_shows_signed_samples(committed, storage, trained):
    with committed.begin() as session:
        session.execute(update(Style).values(publish="when_trained"))
    publish_style(job_id=trained)

    style, job = standing(committed, trained)
    assert (style.training_status, job.state) == ("completed", JobState.DONE)
    assert (style.adapter_key, style.adapter_sha256) == (ADAPTER_KEY, making.ADAPTER_SHA256)
    assert len(style.sample_keys) == 2
    thumbnail = Image.open(io.BytesIO(storage.get(style.thumbnail_key)))
    assert (thumbnail.format, max(thumbnail.size)) == ("WEBP", 256)
    raw = Image.open(io.BytesIO(storage.get(SAMPLES[0]))).convert("RGB")
    shown = Image.open(io.BytesIO(storage.get(style.sample_keys[0]))).convert("RGB")
    corner = (380, 440, 500, 500)
    assert raw.crop(corner).tobytes() != shown.crop(corner).tobytes()


def test_a_style_is_published_and_notified_once_however_often_its_message_comes(committed, trained):
    publish_style(job_id=trained)
    publish_style(job_id=trained)
    with committed() as session:
        assert session.scalars(select(Notification.type)).all() == ["style_trained"]


@pytest.mark.parametrize(
    "spoil, cause",
    [
        ({ADAPTER_KEY: b"another adapter"}, "ADAPTER_MISMATCH"),
        ({ADAPTER_KEY: None}, "NETWORK"),
        ({SAMPLES[1]: None}, "NETWORK"),
        ({SAMPLES[1]: b"no image"}, "NETWORK"),
        ({"signature": None}, "SIGNATURE_FAILED"),
        ({"signature": b"no image"}, "SIGNATURE_FAILED"),
    ],
)
def test_what_cannot_be_proved_or_signed_is_not_published(
    committed, storage, trained, spoil, cause
):
    with committed() as session:
        signature = session.scalars(select(Artist.signature_key)).one()
    for name, data in spoil.items():
        key = signature if name == "signature" else name
        if data is None:
            storage.delete(key)
        else:
            storage.put(key, data, content_type="image/png")

    publish_style(job_id=trained)

    style, job = standing(committed, trained)
    assert (style.training_status, style.adapter_key) == ("pending", None)
    assert (job.failure_cause, job.tries, job.step) == (cause, 1, "publish_style")


def test_a_publication_that_keeps_failing_ends_and_is_told(committed, storage, trained):
    storage.delete(ADAPTER_KEY)
    for _ in range(4):
        with committed.begin() as session:
            session.execute(update(Job).values(run_at=jobs.NOW))
        publish_style(job_id=trained)
    style, job = standing(committed, trained)
    assert (style.training_status, job.state) == ("failed", JobState.FAILED)
    with committed() as session:
        assert session.scalars(select(Notification.type)).all() == ["style_training_failed"]
