"""Train: claim a batch of trainings, train one slice, complete them or end the slice."""

import shutil
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import structlog

from failpoints import failpoint
from tasks.gpu_jobs.checkpoint_uploads import CheckpointUploads
from tasks.messages import (
    ClaimedTraining,
    LossPoint,
    MadeCheckpoint,
    TrainFailure,
    TrainProgress,
    TrainProgressBody,
    TrainResult,
    UnusableWork,
)
from tasks.outcomes import Outcome, outcome_of_failure
from tasks.worker_api import WorkerApi, about, worker_settings
from tasks.worker_errors import ResultRejectedError, cause_of

if TYPE_CHECKING:
    from gpu.errors import EngineError, UnusableArtwork
    from gpu.training.recipe import TrainedStyle, TrainingCheckpoint, TrainingProgress
    from gpu.training.trainer import TrainingRequest

log = structlog.get_logger()
REPORT_EVERY_SECONDS = 2.0


def train_slice(
    *, job_id: int | None = None, is_leaving: Callable[[], bool] = lambda: False
) -> dict[int, Outcome]:
    """Claim the named or the oldest training with others of its base model; train one slice.

    When `is_leaving` returns true the slice ends at the next step: another worker resumes from the
    last checkpoint, and no attempt is used up. Returns the outcomes of the claimed jobs by id.
    Raises ClaimError.
    """
    from gpu.training.trainer import train_styles

    api = worker_api()
    jobs = api.claim(job_id=job_id, limit=worker_settings().train_batch_size)
    trainings = [Training(api, job, is_leaving) for job in jobs]
    try:
        ready = [training for training in trainings if training.fetch()]
        outcomes = train_styles([training.order() for training in ready])
        for training, outcome in zip(ready, outcomes, strict=True):
            training.end(outcome)
    except Exception as error:
        for training in trainings:  # changes none that has ended already
            training.fail(error)
        raise
    finally:
        for training in trainings:
            shutil.rmtree(training.folder, ignore_errors=True)
    return {job.job_id: training.outcome for job, training in zip(jobs, trainings, strict=True)}


@lru_cache(maxsize=1)
def worker_api() -> WorkerApi[ClaimedTraining]:
    """Return this process's client of the worker protocol."""
    return WorkerApi(ClaimedTraining, worker_settings())


class Training:
    """One claimed training: downloads its artworks, reports progress, uploads its files."""

    def __init__(
        self, api: WorkerApi[ClaimedTraining], job: ClaimedTraining, is_leaving: Callable[[], bool]
    ) -> None:
        self.folder = worker_settings().worker_cache_dir / f"training-{job.job_id}-{job.fence}"
        self.outcome = Outcome.DONE
        self._api = api
        self._job = job
        self._is_leaving = is_leaving
        self._train_job = job.payload
        self._paths: dict[str, Path] = {}
        self._is_lost = False
        self._error: httpx.HTTPError | None = None
        self._uploads = CheckpointUploads(api, job)
        self._reported = float("-inf")
        self._missing: list[UnusableWork] = []
        self._unusable: list[UnusableWork] = []
        self._body = TrainProgressBody(current_epoch=0, total_epochs=1, progress_percent=0)

    def fetch(self) -> bool:
        """Download artworks and checkpoint; a failed download fails this training only.

        An artwork missing in storage is left out, like one that cannot be decoded.
        """
        works = {work.name for work in self._train_job.works}
        self.folder.mkdir(parents=True)
        for name, url in self._job.download.items():
            try:
                self._paths[name] = self._api.download(url, self.folder / name)
            except httpx.HTTPError as error:
                if name in works and _is_missing(error):
                    self._missing.append(UnusableWork(name=name, code="IMAGE_CORRUPT"))
                    continue
                self.fail(_download_error(name, error))
                return False
        return True

    def order(self) -> "TrainingRequest":
        """Return the request for the engine."""
        from gpu.training.recipe import TrainingArtwork, TrainingConfig
        from gpu.training.trainer import TrainingRequest

        train_job = self._train_job
        config = TrainingConfig(
            base_model=train_job.base_model,
            artworks=tuple(
                TrainingArtwork(path=self._paths[work.name], tags=tuple(work.tags))
                for work in train_job.works
                if work.name in self._paths
            ),
            trigger=train_job.trigger,
            output_dir=self.folder / "out",
            seed=train_job.seed,
            resume_from=self._paths.get("checkpoint"),
            slice_seconds=train_job.slice_seconds,
            min_artworks=train_job.least_works,
            sample_count=train_job.sample_count,
            base_samples=True,
            metadata=train_job.metadata,
            significant_bits=worker_settings().adapter_bits,
        )
        return TrainingRequest(config, self._on_progress, self._should_stop)

    def end(self, outcome: "TrainedStyle | TrainingCheckpoint | EngineError") -> None:
        """Complete the training, end the slice, or report the failure."""
        from gpu.errors import Stopped
        from gpu.training.recipe import TrainedStyle, TrainingCheckpoint

        try:
            if isinstance(outcome, TrainedStyle):
                self._complete(outcome)
            elif not isinstance(outcome, TrainingCheckpoint | Stopped):
                self.fail(outcome)
            elif self._error:
                self.fail(self._error)
            elif self._is_lost:
                log.info("training stopped", job_id=self._job.job_id)
                self.outcome = Outcome.IGNORED
            else:
                self._send([], None, None, slice_ended=True)
        except ResultRejectedError:
            log.exception("result rejected", job_id=self._job.job_id)
            self.outcome = Outcome.FAILED
        except httpx.HTTPError as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Report the failed attempt."""
        cause, message = cause_of(error)
        failure = TrainFailure(
            style_id=self._train_job.style_id,
            fence=self._job.fence,
            error_code=cause,
            error_message=message[:2000],
            unusable_works=self._missing + _named(getattr(error, "unusable", ())),
        )
        with about(self._job):
            self.outcome = outcome_of_failure(self._api.fail(failure))

    def _should_stop(self) -> bool:
        return self._is_lost or self._is_leaving() or self._uploads.is_full()

    def _on_progress(self, progress: "TrainingProgress") -> None:
        """Report; stop this training only when the API or storage stays unreachable."""
        try:
            self._report(progress)
        except httpx.HTTPError as error:
            self._error, self._is_lost = error, True

    def _report(self, progress: "TrainingProgress") -> None:
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
            estimated_seconds=_rounded(progress.estimated_seconds),
        )
        self._unusable = self._missing + _named(progress.unusable_artworks)
        points = []
        if progress.loss is not None:
            # Held-out loss is measured at checkpoints only.
            held_out = progress.held_out_loss if progress.checkpoint_path else None
            points.append(LossPoint(step=progress.step, loss=progress.loss, held_out_loss=held_out))
        checkpoint = None
        if progress.files is not None:
            checkpoint = self._uploads.put(progress, progress.files, self._used_artworks())
        self._send(points, checkpoint, self._uploads.put_state(progress))
        failpoint("after_checkpoint" if progress.checkpoint_path else "after_progress")

    def _send(
        self,
        points: list[LossPoint],
        checkpoint: MadeCheckpoint | None,
        checkpoint_key: str | None,
        *,
        slice_ended: bool = False,
    ) -> None:
        report = TrainProgress(
            style_id=self._train_job.style_id,
            fence=self._job.fence,
            progress=self._body,
            loss_points=points,
            sample_keys=checkpoint.sample_keys if checkpoint else [],
            checkpoint_key=checkpoint_key,
            unusable_works=self._unusable,
            checkpoint=checkpoint,
            slice_ended=slice_ended,
        )
        with about(self._job):
            answer = self._api.progress(report)
        self._is_lost = answer.cancel_requested or answer.reason in {"stale_attempt", "terminal"}

    def _used_artworks(self) -> list[Path]:
        unusable = {work.name for work in self._unusable}
        return [
            self._paths[work.name] for work in self._train_job.works if work.name not in unusable
        ]

    def _complete(self, style: "TrainedStyle") -> None:
        last = self._uploads.last
        if last is None:  # resumed at the last checkpoint, which another worker uploaded
            adapter_key = self._uploads.put_adapter(style.adapter_path)
        else:
            adapter_key = last.style_key
        result = TrainResult(
            style_id=self._train_job.style_id,
            fence=self._job.fence,
            model_path=adapter_key,
            adapter_sha256=style.adapter_sha256,
            base_model_sha256=style.base_model_sha256,
            training_metric={
                "loss": style.final_loss,
                "held_out_loss": style.held_out_loss,
                "epochs": style.epochs,
                "steps": style.steps,
                "seconds": style.seconds,
            },
            sample_keys=last.sample_keys if last else [],
        )
        with about(self._job):
            answer = self._api.complete(result)
        if not answer.applied:
            self.outcome = Outcome.IGNORED


def _named(unusable: "Iterable[UnusableArtwork]") -> list[UnusableWork]:
    return [UnusableWork(name=work.name, code=work.code) for work in unusable]


def _rounded(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _download_error(name: str, error: httpx.HTTPError) -> Exception:
    """Return the error to report for a failed download; a missing checkpoint is never retried."""
    from gpu.errors import AdapterMismatch

    if name == "checkpoint" and _is_missing(error):
        return AdapterMismatch("the checkpoint is missing")
    return error


def _is_missing(error: httpx.HTTPError) -> bool:
    if not isinstance(error, httpx.HTTPStatusError):
        return False
    return bool(error.response.status_code == httpx.codes.NOT_FOUND)
