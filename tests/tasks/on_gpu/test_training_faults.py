"""A training killed, starved or robbed in mid work: the same style, or a clear failure."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from PIL import Image
from safetensors.torch import load
from sqlalchemy import select

from gpu.base_models.registry import load_base_model
from gpu.errors import GpuOutOfMemory
from gpu.training.diffusion import Objective
from tasks import worker_api
from tasks.gpu_jobs import training
from tasks.on_gpu.train_style import train_style
from tests import images, making
from tests.memory_limit import MemoryLimit
from webapp.domain import due_jobs, jobs
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Artwork, Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import checkpoints

TRIES = 4  # the first and three more
CHECKPOINTS = 4  # the tiny recipe's steps, with one at each
SAMPLES = 4  # put before each checkpoint, after its style; as many of the base model at the first


class Killed(BaseException):
    """What nobody catches, as nobody catches a power cut."""


@pytest.fixture
def runs(trainings, checkpoint_every, monkeypatch) -> list[int]:
    """Two trainings on equal works, a checkpoint at every step; a worker claims one at a time."""
    monkeypatch.setenv("TRAIN_BATCH_SIZE", "1")
    checkpoint_every(1)
    return trainings(2)


def die_at(monkeypatch, fatal: str, visit: int) -> None:
    """Die at the given visit of a failpoint, counted from 1, and never again."""
    visits = itertools.count(1)

    def failpoint(name: str) -> None:
        if name == fatal and next(visits) == visit:
            raise Killed(fatal)

    monkeypatch.setattr(worker_api, "failpoint", failpoint)
    monkeypatch.setattr(training, "failpoint", failpoint)


def lose_worker(committed, job_id: int) -> None:
    """Let the lease of a silent worker run out."""
    with committed.begin() as session:
        making.change_job(session, job_id, lease_until=jobs.NOW)
    with committed.begin() as session:
        assert due_jobs.requeue_expired(session) == 1


def learned(committed, storage, job_id: int) -> dict[str, torch.Tensor]:
    """The tensors of the style that a training handed over."""
    with committed() as session:
        job = session.get(Job, job_id)
        assert job.step == "publish_style", (job.state, job.failure_cause)
        retained = checkpoints.of_run(session, job.ref)
        assert len(retained) == checkpoints.KEPT
        assert all(len(each.sample_keys) == SAMPLES for each in retained)
        assert all(len(each.base_sample_keys) == SAMPLES for each in retained)
        return load(storage.get(retained[-1].adapter_key))


def assert_same_style(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


# One visit of each failpoint; `make test-long` has the others.
@pytest.mark.parametrize(
    "failpoint, visit",
    [
        ("mid_training", 1),
        ("after_put", 1 + SAMPLES + 1),
        ("after_checkpoint", 1),
        *(
            pytest.param(failpoint, visit, marks=pytest.mark.long)
            for failpoint, visit in (
                ("after_put", 1),
                ("after_put", 1 + SAMPLES),
                ("after_put", 1 + SAMPLES + SAMPLES + 1),
                ("after_checkpoint", CHECKPOINTS),
            )
        ),
    ],
)
def test_a_training_killed_at_any_checkpoint_ends_as_the_style_of_one_that_was_not(
    committed, site_storage, runs, monkeypatch, failpoint, visit
):
    killed, undisturbed = runs
    train_style(job_id=undisturbed)

    with monkeypatch.context() as dying:
        die_at(dying, failpoint, visit)
        with pytest.raises(Killed):
            train_style(job_id=killed)
    lose_worker(committed, killed)
    train_style(job_id=killed)

    assert_same_style(
        learned(committed, site_storage, killed), learned(committed, site_storage, undisturbed)
    )
    with committed() as session:
        assert (session.get(Job, killed).crashes, session.get(Job, killed).tries) == (1, 0)


def test_a_worker_killed_after_it_handed_the_style_over_is_not_missed(
    committed, site_storage, runs, monkeypatch
):
    with monkeypatch.context() as dying:
        die_at(dying, "after_complete", 1)
        with pytest.raises(Killed):
            train_style(job_id=runs[0])
    assert learned(committed, site_storage, runs[0])
    train_style(job_id=runs[0])  # a duplicate message
    with committed() as session:
        assert (session.get(Job, runs[0]).fence, session.get(Job, runs[0]).crashes) == (1, 0)


def test_a_worker_told_to_leave_puts_its_trainings_back_and_uses_up_no_try(
    committed, site_storage, runs, monkeypatch
):
    left, undisturbed = runs
    train_style(job_id=undisturbed)
    stored = []
    real = training.WorkerApi.progress

    def progress(api, report):
        stored.append(report.checkpoint_key)
        return real(api, report)

    with monkeypatch.context() as leaving:
        leaving.setattr(training.WorkerApi, "progress", progress)
        assert training.train_slice(job_id=left, is_leaving=lambda: any(stored))
    with committed() as session:
        job = session.get(Job, left)
        assert (job.state, job.step) == (JobState.QUEUED, "train_style")
        assert (job.tries, job.crashes, job.fence) == (0, 0, 1)
        assert session.get(TrainingRun, job.ref).checkpoint_key == next(filter(None, stored))

    train_style(job_id=left)

    assert_same_style(
        learned(committed, site_storage, left), learned(committed, site_storage, undisturbed)
    )


def damage(storage, key: str, _other_key: str) -> None:
    content = storage.get(key)
    storage.put(key, content[: len(content) // 2], content_type="application/octet-stream")


def lose(storage, key: str, _other_key: str) -> None:
    storage.delete(key)


def swap(storage, key: str, other_key: str) -> None:
    storage.put(key, storage.get(other_key), content_type="application/octet-stream")


@pytest.mark.parametrize(
    "spoil",
    [
        damage,
        pytest.param(lose, marks=pytest.mark.long),
        pytest.param(swap, marks=pytest.mark.long),
    ],
)
def test_a_checkpoint_nobody_can_resume_costs_one_try_and_learning_begins_anew(
    committed, site_storage, runs, monkeypatch, spoil: Callable
):
    killed, other = runs
    for job_id in runs:
        with monkeypatch.context() as dying:
            die_at(dying, "after_checkpoint", 2)
            with pytest.raises(Killed):
                train_style(job_id=job_id)
        lose_worker(committed, job_id)
    with committed() as session:
        keys = [session.get(TrainingRun, session.get(Job, job).ref).checkpoint_key for job in runs]
    spoil(site_storage, *keys)

    run_attempt(committed, killed, 1)
    with committed() as session:
        assert session.get(Job, killed).failure_cause == "ADAPTER_MISMATCH"
    run_attempt(committed, killed, 2)
    run_attempt(committed, other, 1)

    assert_same_style(
        learned(committed, site_storage, killed), learned(committed, site_storage, other)
    )


def test_a_card_with_room_for_one_picture_learns_in_parts(committed, site_storage, runs, tiny):
    with MemoryLimit(load_base_model(tiny).unet, 1) as memory:
        train_style(job_id=runs[0])
    assert memory.refused
    assert learned(committed, site_storage, runs[0])


def test_a_card_without_room_is_tried_again_and_then_the_artist_is_told_once(committed, runs, tiny):
    with MemoryLimit(load_base_model(tiny).unet, 0):
        for attempt in range(1, TRIES + 1):
            with pytest.raises(GpuOutOfMemory):
                run_attempt(committed, runs[0], attempt)
    assert_failed(committed, runs[0], cause="GPU_OOM")


def left_out(session):
    query = select(Artwork.idx, Artwork.code).where(Artwork.status == "rejected")
    return session.execute(query.order_by(Artwork.idx)).all()


def spoil(committed, storage) -> None:
    """One work is gone from storage, and another is white all over."""
    with committed() as session:
        gone, white = session.scalars(select(Artwork.clean_key).order_by(Artwork.id).limit(2))
    storage.delete(gone)
    storage.put(
        white, images.encoded(Image.new("RGB", (512, 512), "white")), content_type="image/png"
    )


def test_with_fewer_than_ten_works_left_the_training_ends_and_they_are_named(
    committed, site_storage, trainings
):
    (job_id,) = trainings()
    spoil(committed, site_storage)
    run_attempt(committed, job_id, 1)
    assert_failed(committed, job_id, cause="LOW_QUALITY_DATA")
    with committed() as session:
        assert left_out(session) == [(0, "IMAGE_CORRUPT"), (1, "IMAGE_BLANK")]


def test_ten_good_works_of_twelve_are_trained_on(committed, site_storage, trainings):
    (job_id,) = trainings(works=12)
    spoil(committed, site_storage)
    run_attempt(committed, job_id, 1)
    with committed() as session:
        job = session.get(Job, job_id)
        assert job.step == "publish_style"
        assert left_out(session) == [(0, "IMAGE_CORRUPT"), (1, "IMAGE_BLANK")]
        assert job.handover["base_model_sha256"] == load_base_model("tiny").sha256


def test_one_training_that_diverges_ends_by_name_and_its_neighbour_goes_on(
    committed, trainings, monkeypatch
):
    sick, well = trainings(2)
    with committed.begin() as session:
        session.get(TrainingRun, session.get(Job, sick).ref).seed = 66
    draw = Objective.draw

    def poisoned(self, latents, text, name):
        batch = draw(self, latents, text, name)
        is_hit = name == (66, "noise", 1)
        return replace(batch, weights=batch.weights * float("nan")) if is_hit else batch

    monkeypatch.setattr(Objective, "draw", poisoned)
    train_style(job_id=sick)
    assert_failed(committed, sick, cause="TRAINING_DIVERGED")
    with committed() as session:
        assert session.get(Job, well).step == "publish_style"


def run_attempt(committed, job_id: int, attempt: int) -> None:
    """Run the task as the relay would publish it after the delay of a retry."""
    with committed.begin() as session:
        job = session.get(Job, job_id)
        assert (job.attempt, job.state) == (attempt, JobState.QUEUED)
        making.change_job(session, job_id, run_at=jobs.NOW)
    train_style(job_id=job_id)


def assert_failed(committed, job_id: int, *, cause: str) -> None:
    with committed() as session:
        job = session.get(Job, job_id)
        assert job.state == JobState.FAILED
        run = session.get(TrainingRun, job.ref)
        style = session.get(Style, run.style_id)
        assert (run.failure_cause, run.checkpoint_key, run.adapter_key) == (cause, None, None)
        assert style.training_status == "failed"
        query = select(Notification.type).where(Notification.recipient_id == style.artist_id)
        assert session.scalars(query).all() == ["style_training_failed"]
