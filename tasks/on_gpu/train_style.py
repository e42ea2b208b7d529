"""Train: hear the bell, claim one training, learn for one slice, hand over or put back."""

import shutil
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import structlog

from celery_config import TaskName
from failpoints import failpoint
from tasks.messages import (
    ClaimedJob,
    LossPoint,
    TrainFailure,
    TrainJob,
    TrainProgress,
    TrainProgressBody,
    TrainResult,
)
from tasks.task import task
from tasks.worker_api import ResultRejectedError, WorkerApi, cause_of, worker_settings

if TYPE_CHECKING:
    from gpu.training.recipe import TrainedStyle, TrainingCheckpoint, TrainingProgress

log = structlog.get_logger()
REPORT_EVERY_SECONDS = 2.0


@task(TaskName.TRAIN_STYLE)
def train_style(*, job_id: int) -> None:
    """Claim the training the bell named and learn for one slice."""
    api = worker_api()
    jobs = api.claim(job_id=job_id)
    if not jobs:
        return  # a stale bell: someone else has the work
    job = jobs[0]
    folder = worker_settings().worker_cache_dir / f"training-{job.job_id}-{job.fence}"
    folder.mkdir(parents=True)
    try:
        _learn(api, job, folder)
    except ResultRejectedError:
        log.exception("result rejected", job_id=job.job_id)
    except httpx.HTTPError as error:
        _fail(api, job, *cause_of(error))
    except Exception as error:
        _fail(api, job, *cause_of(error))
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def worker_api() -> WorkerApi:
    """Return this process's client of the worker protocol."""
    return WorkerApi("training", worker_settings())


def _learn(api: WorkerApi, job: ClaimedJob, folder: Path) -> None:
    from gpu.errors import Stopped
    from gpu.training.recipe import TrainedStyle, TrainingConfig, TrainingWork
    from gpu.training.trainer import train

    order = TrainJob.model_validate(job.payload)
    paths = {name: api.download(url, folder / name) for name, url in job.download.items()}
    config = TrainingConfig(
        base_model=order.base_model,
        works=tuple(
            TrainingWork(path=paths[work.name], tags=tuple(work.tags)) for work in order.works
        ),
        trigger=order.trigger,
        output_dir=folder / "out",
        seed=order.seed,
        resume_from=paths.get("checkpoint"),
        slice_seconds=order.slice_seconds,
        metadata=order.metadata,
    )
    watch = Watch(api, job, order)
    try:
        outcome: TrainedStyle | TrainingCheckpoint = train(
            config, on_progress=watch.on_progress, should_stop=lambda: watch.is_lost
        )
    except Stopped:
        log.info("training stopped", job_id=job.job_id)
        return
    if isinstance(outcome, TrainedStyle):
        _hand_over(api, job, order, outcome, watch.sample_keys)
    else:
        watch.end_slice()


class Watch:
    """Sends what a training produces – losses, samples, checkpoints – and hears of its loss."""

    def __init__(self, api: WorkerApi, job: ClaimedJob, order: TrainJob) -> None:
        self.is_lost = False
        self.sample_keys: list[str] = []
        self._api = api
        self._job = job
        self._order = order
        self._free = [job.upload[name] for name in sorted(job.upload) if "sample" in name]
        self._reported = float("-inf")
        self._body = TrainProgressBody(current_epoch=0, total_epochs=1, progress_percent=0)

    def on_progress(self, progress: "TrainingProgress") -> None:
        """Report every two seconds and at every checkpoint."""
        failpoint("mid_training")
        is_due = time.monotonic() - self._reported >= REPORT_EVERY_SECONDS
        if not is_due and progress.checkpoint_path is None:
            return
        self._reported = time.monotonic()
        self._body = TrainProgressBody(
            current_epoch=progress.epoch,
            total_epochs=progress.total_epochs,
            progress_percent=min(99, int(progress.percent)),
            estimated_seconds=round(progress.estimated_seconds),
        )
        points = []
        if progress.loss is not None:
            # Held-out loss is measured at checkpoints only; between them it is the last one.
            held_out = progress.held_out_loss if progress.checkpoint_path else None
            points.append(LossPoint(step=progress.step, loss=progress.loss, held_out_loss=held_out))
        self._send(points, self._put_samples(progress), self._put_checkpoint(progress))
        failpoint("after_checkpoint" if progress.checkpoint_path else "after_progress")

    def end_slice(self) -> None:
        """Say that the slice is over: the checkpoint is stored, the job may ring again."""
        self._send([], [], None, slice_ended=True)

    def _send(
        self,
        points: list[LossPoint],
        samples: list[str],
        checkpoint_key: str | None,
        *,
        slice_ended: bool = False,
    ) -> None:
        answer = self._api.progress(
            TrainProgress(
                style_id=self._order.style_id,
                fence=self._job.fence,
                progress=self._body,
                loss_points=points,
                sample_keys=samples,
                checkpoint_key=checkpoint_key,
                slice_ended=slice_ended,
            )
        )
        self.is_lost = answer.cancel_requested or answer.reason in {"stale_attempt", "terminal"}

    def _put_samples(self, progress: "TrainingProgress") -> list[str]:
        keys = []
        for path in progress.new_sample_paths:
            if not self._free:
                break  # more checkpoints than anyone will look at
            place = self._free.pop(0)
            self._api.upload(place, path.read_bytes())
            keys.append(place.key)
        self.sample_keys += keys
        return keys

    def _put_checkpoint(self, progress: "TrainingProgress") -> str | None:
        if progress.checkpoint_path is None:
            return None
        place = self._job.upload["checkpoint"]
        self._api.upload(place, progress.checkpoint_path.read_bytes())
        return place.key


def _hand_over(
    api: WorkerApi,
    job: ClaimedJob,
    order: TrainJob,
    style: "TrainedStyle",
    sample_keys: list[str],
) -> None:
    place = job.upload["adapter"]
    api.upload(place, style.adapter_path.read_bytes())
    api.complete(
        TrainResult(
            style_id=order.style_id,
            fence=job.fence,
            model_path=place.key,
            adapter_sha256=style.adapter_sha256,
            training_metric={
                "loss": style.final_loss,
                "held_out_loss": style.held_out_loss,
                "epochs": style.epochs,
                "steps": style.steps,
                "seconds": style.seconds,
            },
            sample_keys=sample_keys[-len(style.sample_paths) :] or sample_keys,
        )
    )


def _fail(api: WorkerApi, job: ClaimedJob, cause: str, message: str) -> None:
    style_id = TrainJob.model_validate(job.payload).style_id
    api.fail(
        TrainFailure(
            style_id=style_id, fence=job.fence, error_code=cause, error_message=message[:2000]
        )
    )
