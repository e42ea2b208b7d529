"""The whole main job in one process: real engine, real HTTP, real database, no browser."""

import errno
import io

import httpx
import pytest
from PIL import Image
from sqlalchemy import select, update

from tasks.gpu_jobs import rendering, training
from tasks.on_cpu.deliver_generation import deliver_generation
from tasks.on_cpu.publish_style import publish_style
from tasks.on_cpu.stamp_signature import stamp_signature
from tasks.on_cpu.validate_uploads import validate_uploads
from tasks.on_gpu.render_images import render_images
from tasks.on_gpu.train_style import train_style
from tasks.worker_api import worker_settings
from tests import images, making
from webapp.domain import jobs
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.style import Artwork, ArtworkStatus, Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import checkpoints, claimed_jobs, ledger_check
from webapp.domain.settings import settings


@pytest.fixture
def trained(committed, site_storage, tiny):
    """A style that the tasks themselves validated and trained, put on sale by its artist."""
    with committed.begin() as session:
        run = making.training(session, site_storage, status=ArtworkStatus.PENDING)
        session.execute(update(Style).values(base_model=tiny, trigger="style"))
        for work in session.scalars(select(Artwork)):
            data = images.encoded(images.scene(512, 512, seed=work.idx), "JPEG")
            site_storage.put(work.upload_key, data, content_type="image/jpeg")
        job_id = making.job_of(session, run).id
    validate_uploads(job_id=job_id)
    train_style(job_id=job_id)
    publish_style(job_id=job_id)
    with committed.begin() as session:
        style = session.scalars(select(Style)).one()
        assert style.training_status == "trained"
        making.put_on_sale(session, style)
    return job_id


@pytest.fixture
def on_sale(committed, site_storage, tiny):
    """A style of the tiny base model whose adapter nobody trained."""
    with committed.begin() as session:
        making.style(session, site_storage, base_model=tiny)


def order(committed, **changes):
    with committed.begin() as session:
        style = session.scalars(select(Style)).one()
        made = making.order(session, making.user(session), style, **changes)
        return [(image.id, making.job_of(session, image).id) for image in made]


def test_photos_go_in_and_signed_images_come_out(committed, site_storage, trained):
    with committed() as session:
        style = session.scalars(select(Style)).one()
        run = session.scalars(select(TrainingRun)).one()
        assert style.training_status == "completed"
        assert {"loss", "epochs"} <= set(run.metric)
        assert run.loss_history
        assert run.sample_keys
    ordered = order(committed, count=3)

    render_images(job_id=ordered[0][1])  # one message, one batch
    for _, job_id in ordered:
        stamp_signature(job_id=job_id)
        deliver_generation(job_id=job_id)

    with committed() as session:
        done = session.scalars(select(Generation).order_by(Generation.id)).all()
        assert [image.status for image in done] == ["completed"] * 3
        assert {image.adapter_sha256 for image in done} == {style.adapter_sha256}
        for image in done:
            shown = Image.open(io.BytesIO(site_storage.get(image.image_key)))
            assert shown.size == (512, 512)
    with committed() as session:
        assert ledger_check.check(session) == []


def test_an_order_that_comes_while_a_thin_batch_waits_is_drawn_in_it(
    committed, trained, monkeypatch
):
    [(first, job_id)] = order(committed)
    came: list[int] = []

    def wait(seconds):
        assert seconds == worker_settings().render_wait_seconds
        came.extend(image for image, _ in order(committed, count=2))

    monkeypatch.setattr(rendering.time, "sleep", wait)
    monkeypatch.setenv("RENDER_BATCH_SIZE", "3")
    worker_settings.cache_clear()
    render_images(job_id=job_id)

    with committed() as session:
        drawn = session.scalars(select(Job).where(Job.kind == "generation").order_by(Job.ref)).all()
        assert [job.ref for job in drawn] == [first, *came]
        assert {job.step for job in drawn} == {"stamp_signature"}


def test_a_full_batch_does_not_wait(committed, on_sale, monkeypatch):
    ordered = order(committed, count=2)
    monkeypatch.setattr(rendering.time, "sleep", lambda _: pytest.fail("it waited"))
    monkeypatch.setenv("RENDER_BATCH_SIZE", "2")
    worker_settings.cache_clear()
    sha256 = rendering.renderer_for("tiny").base_model_sha256
    for claimed in (2, 0):
        batch = rendering._claim_batch(rendering.worker_api(), ordered[0][1], "tiny", sha256)
        assert len(batch) == claimed


def test_a_message_heard_late_renders_nothing(committed, on_sale):
    [(_, job_id)] = order(committed)
    with committed.begin() as session:
        assert jobs.claim(session, job_id, "render_images", 60).fence == 1
    render_images(job_id=job_id)
    with committed() as session:
        job = session.get(Job, job_id)
        assert (job.fence, job.state, job.tries) == (1, JobState.RUNNING, 0)


def test_an_adapter_that_cannot_be_fetched_fails_its_own_job_for_a_passing_cause(
    committed, site_storage, on_sale
):
    [(image_id, job_id)] = order(committed)
    with committed() as session:
        site_storage.delete(session.scalars(select(Style.adapter_key)).one())
    render_images(job_id=job_id)
    with committed() as session:
        job = session.get(Job, job_id)
        assert (job.state, job.failure_cause, job.tries) == (JobState.QUEUED, "NETWORK", 1)
        assert session.get(Generation, image_id).status == "retrying"


def test_an_adapter_of_another_hash_is_never_worn(committed, site_storage, on_sale):
    [(image_id, job_id)] = order(committed)
    with committed() as session:
        key = session.scalars(select(Style.adapter_key)).one()
    site_storage.put(key, b"another one", content_type="application/octet-stream")
    render_images(job_id=job_id)
    with committed() as session:
        job = session.get(Job, job_id)
        assert (job.failure_cause, job.step) == ("ADAPTER_MISMATCH", "render_images")
        assert session.get(Generation, image_id).image_key is None
    cached = worker_settings().worker_cache_dir / "adapters"
    assert list(cached.iterdir()) == []  # or it would fail every later order too


def test_a_renderer_that_falls_over_for_an_unknown_reason_ends_the_batch_refunded(
    committed, on_sale, monkeypatch
):
    ordered = order(committed, count=2)
    renderer = rendering.renderer_for("tiny")
    monkeypatch.setattr(renderer, "render", lambda *_args, **_options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        render_images(job_id=ordered[0][1])
    with committed() as session:
        assert {image.status for image in session.scalars(select(Generation))} == {"failed"}
    with committed() as session:
        assert ledger_check.check(session) == []


def test_a_site_that_is_away_in_mid_work_is_a_passing_cause(committed, on_sale, monkeypatch):
    [(_, job_id)] = order(committed)

    def away(*_args, **_options):
        raise httpx.ConnectError("the site is away")

    monkeypatch.setattr(rendering.renderer_for("tiny"), "render", away)
    with pytest.raises(httpx.ConnectError):
        render_images(job_id=job_id)
    with committed() as session:
        job = session.get(Job, job_id)
        assert (job.state, job.failure_cause) == (JobState.QUEUED, "NETWORK")


@pytest.fixture
def waiting(committed, site_storage, trainings):
    """Three styles of three artists that wait to be trained; the second has a work that is gone."""
    made = trainings(3, seed_of=lambda work: work.id)
    with committed() as session:
        works = session.scalars(select(Artwork).order_by(Artwork.id)).all()
    site_storage.delete(works[10].clean_key)
    return made


def test_one_message_trains_all_that_wait_and_a_failure_is_one_artists_own(committed, waiting):
    train_style(job_id=waiting[0])
    with committed() as session:
        first, second, third = (session.get(Job, job_id) for job_id in waiting)
        assert (first.step, third.step) == ("publish_style", "publish_style")
        # nine works are too few to learn from, and asking again would not bring the tenth back
        assert (second.step, second.state) == ("train_style", JobState.FAILED)
        one, other = (checkpoints.of_run(session, job.ref)[-1] for job in (first, third))
        assert one.adapter_sha256 != other.adapter_sha256


def test_storage_that_fails_one_training_in_mid_work_leaves_the_others_alone(
    committed, site_storage, waiting, monkeypatch
):
    real = training.WorkerApi.upload

    def upload(api, target, data):
        if f"training/{first_ref}/" in target.key:
            raise httpx.ConnectError("storage is away")
        real(api, target, data)

    with committed() as session:
        first_ref = session.get(Job, waiting[0]).ref
    monkeypatch.setattr(training.WorkerApi, "upload", upload)
    train_style(job_id=waiting[0])
    with committed() as session:
        first, third = (session.get(Job, waiting[index]) for index in (0, 2))
        assert (first.step, first.failure_cause) == ("train_style", "NETWORK")
        assert third.step == "publish_style"


def test_a_worker_that_falls_over_gives_back_every_training_it_claimed(
    committed, waiting, monkeypatch
):
    real = training.WorkerApi.download

    def download(api, url, path):
        if f"-{waiting[2]}-" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(api, url, path)

    monkeypatch.setattr(training.WorkerApi, "download", download)
    with pytest.raises(OSError, match="No space"):
        train_style(job_id=waiting[0])
    with committed() as session:
        claimed = [session.get(Job, job_id) for job_id in waiting]
        # no lease to wait out: another worker may claim them
        assert [job.state for job in claimed] == [JobState.QUEUED] * 3
        assert {job.failure_cause for job in claimed} == {"WORKER_LOST"}


def test_a_training_cut_into_slices_ends_as_one_that_was_not(
    committed, trainings, checkpoint_every, monkeypatch
):
    [job_id] = trainings()
    sliced = settings().model_copy(update={"training_slice_seconds": 0.0})
    monkeypatch.setattr(claimed_jobs, "settings", lambda: sliced)
    checkpoint_every(2)
    fences, checkpoints = [], []
    for _ in range(10):
        train_style(job_id=job_id)
        with committed() as session:
            job = session.get(Job, job_id)
            fences.append(job.fence)
            checkpoints.append(session.get(TrainingRun, job.ref).checkpoint_key)
        if job.step == "publish_style":
            break
        assert (job.state, job.tries, job.crashes) == (JobState.QUEUED, 0, 0)

    assert job.step == "publish_style"
    assert len(fences) > 1
    assert fences == sorted(set(fences))
    assert len(set(checkpoints[:-1])) == len(fences) - 1
    with committed() as session:
        steps = [point["step"] for point in session.get(TrainingRun, job.ref).loss_history]
        assert steps == sorted(set(steps))
        assert jobs.claim(session, job_id, "publish_style", 60)
        session.rollback()
