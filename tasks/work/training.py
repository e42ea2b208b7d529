"""Train: claim some trainings, learn for one slice, hand over or put back."""

import math
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import structlog
from PIL import Image

from failpoints import failpoint
from tasks.messages import (
    ClaimedJob,
    Gain,
    LossPoint,
    MadeCheckpoint,
    TrainFailure,
    TrainJob,
    TrainProgress,
    TrainProgressBody,
    TrainResult,
    UnusableWork,
)
from tasks.worker_api import ResultRejectedError, WorkerApi, about, cause_of, worker_settings

if TYPE_CHECKING:
    from gpu.errors import EngineError, UnusableArtwork
    from gpu.training.recipe import (
        CheckpointFiles,
        TrainedStyle,
        TrainingCheckpoint,
        TrainingProgress,
    )
    from gpu.training.trainer import TrainingRequest

log = structlog.get_logger()
REPORT_EVERY_SECONDS = 2.0
WORKS_MEASURED = 8  # so many say what a style is like, and measuring stays a matter of seconds


def train_slice(
    *, job_id: int | None = None, is_leaving: Callable[[], bool] = lambda: False
) -> bool:
    """Claim a training, the one named or the oldest, with others of its base model; learn a slice.

    A worker that `is_leaving` ends the slice at its next step: another goes on from the last
    checkpoint, and no try is used up. Returns whether there was any work. Raises ClaimError when
    none could be asked for.
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
        for training in trainings:  # one that has ended already is not changed by this
            training.fail(error)
        raise
    finally:
        for training in trainings:
            shutil.rmtree(training.folder, ignore_errors=True)
    return bool(jobs)


@lru_cache(maxsize=1)
def worker_api() -> WorkerApi:
    """Return this process's client of the worker protocol."""
    return WorkerApi("training", worker_settings())


class Training:
    """One claimed training: fetches its works, sends what it produces, and hears of its loss."""

    def __init__(self, api: WorkerApi, job: ClaimedJob, is_leaving: Callable[[], bool]) -> None:
        self.folder = worker_settings().worker_cache_dir / f"training-{job.job_id}-{job.fence}"
        self._api = api
        self._job = job
        self._is_leaving = is_leaving
        self._wish = TrainJob.model_validate(job.payload)
        self._paths: dict[str, Path] = {}
        self._is_lost = False
        self._error: httpx.HTTPError | None = None
        self._made: MadeCheckpoint | None = None  # the last checkpoint under this lease
        self._free = {
            kind: [job.upload[name] for name in sorted(job.upload) if name.startswith(kind)]
            for kind in ("style", "sample")
        }
        self._reported = float("-inf")
        self._gone: list[UnusableWork] = []
        self._unusable: list[UnusableWork] = []
        self._body = TrainProgressBody(current_epoch=0, total_epochs=1, progress_percent=0)

    def fetch(self) -> bool:
        """Download works and checkpoint; a failed download fails this training only.

        A work that is gone from storage is left out, as one that cannot be read is.
        """
        works = {work.name for work in self._wish.works}
        self.folder.mkdir(parents=True)
        for name, url in self._job.download.items():
            try:
                self._paths[name] = self._api.download(url, self.folder / name)
            except httpx.HTTPError as error:
                if name in works and _is_gone(error):
                    self._gone.append(UnusableWork(name=name, code="IMAGE_CORRUPT"))
                    continue
                self.fail(_verdict(name, error))
                return False
        return True

    def order(self) -> "TrainingRequest":
        """Return the training as the engine takes it."""
        from gpu.training.recipe import TrainingArtwork, TrainingConfig
        from gpu.training.trainer import TrainingRequest

        wish = self._wish
        config = TrainingConfig(
            base_model=wish.base_model,
            artworks=tuple(
                TrainingArtwork(path=self._paths[work.name], tags=tuple(work.tags))
                for work in wish.works
                if work.name in self._paths
            ),
            trigger=wish.trigger,
            output_dir=self.folder / "out",
            seed=wish.seed,
            resume_from=self._paths.get("checkpoint"),
            slice_seconds=wish.slice_seconds,
            min_artworks=wish.least_works,
            sample_count=wish.sample_count,
            base_samples=True,
            metadata=wish.metadata,
            significant_bits=worker_settings().adapter_bits,
        )
        return TrainingRequest(config, self._on_progress, self._should_stop)

    def end(self, outcome: "TrainedStyle | TrainingCheckpoint | EngineError") -> None:
        """Hand over the style, end the slice, or say why there is neither."""
        from gpu.errors import Stopped
        from gpu.training.recipe import TrainedStyle, TrainingCheckpoint

        try:
            if isinstance(outcome, TrainedStyle):
                self._hand_over(outcome)
            elif not isinstance(outcome, TrainingCheckpoint | Stopped):
                self.fail(outcome)
            elif self._error:
                self.fail(self._error)
            elif self._is_lost:
                log.info("training stopped", job_id=self._job.job_id)
            else:
                self._send([], None, None, slice_ended=True)
        except ResultRejectedError:
            log.exception("result rejected", job_id=self._job.job_id)
        except httpx.HTTPError as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Report that this attempt failed."""
        cause, message = cause_of(error)
        failure = TrainFailure(
            style_id=self._wish.style_id,
            fence=self._job.fence,
            error_code=cause,
            error_message=message[:2000],
            unusable_works=self._gone + _named(getattr(error, "unusable", ())),
        )
        with about(self._job):
            self._api.fail(failure)

    def _should_stop(self) -> bool:
        return self._is_lost or self._is_leaving() or self._is_full()

    def _is_full(self) -> bool:
        """Whether no further checkpoint could be uploaded under this lease."""
        return not self._free["style"] or len(self._free["sample"]) < self._wish.sample_count

    def _on_progress(self, progress: "TrainingProgress") -> None:
        """Report; when the site or storage fails for long, stop this training only."""
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
        self._unusable = self._gone + _named(progress.unusable_artworks)
        points = []
        if progress.loss is not None:
            # Held-out loss is measured at checkpoints only; between them it is the last one.
            held_out = progress.held_out_loss if progress.checkpoint_path else None
            points.append(LossPoint(step=progress.step, loss=progress.loss, held_out_loss=held_out))
        made = None if progress.files is None else self._put_files(progress, progress.files)
        self._send(points, made, self._put_checkpoint(progress))
        failpoint("after_checkpoint" if progress.checkpoint_path else "after_progress")

    def _send(
        self,
        points: list[LossPoint],
        made: MadeCheckpoint | None,
        checkpoint_key: str | None,
        *,
        slice_ended: bool = False,
    ) -> None:
        report = TrainProgress(
            style_id=self._wish.style_id,
            fence=self._job.fence,
            progress=self._body,
            loss_points=points,
            sample_keys=made.sample_keys if made else [],
            checkpoint_key=checkpoint_key,
            unusable_works=self._unusable,
            checkpoint=made,
            slice_ended=slice_ended,
        )
        with about(self._job):
            answer = self._api.progress(report)
        self._is_lost = answer.cancel_requested or answer.reason in {"stale_attempt", "terminal"}

    def _put_files(self, progress: "TrainingProgress", files: "CheckpointFiles") -> MadeCheckpoint:
        """Upload a style that can be sold and what was drawn with it, and measure its gain."""
        self._made = MadeCheckpoint(
            step=progress.step,
            held_out_loss=progress.held_out_loss,
            style_key=self._put("style", files.style_path),
            style_sha256=files.style_sha256,
            sample_keys=[self._put("sample", path) for path in files.sample_paths],
            gain=self._gain(files) if self._may_be_kept(progress) else None,
        )
        return self._made

    def _may_be_kept(self, progress: "TrainingProgress") -> bool:
        """Whether this will be one of the last checkpoints: measuring the others is in vain."""
        every = progress.step - (self._made.step if self._made else 0)
        following = -(-(progress.total_steps - progress.step) // max(1, every))
        return following < self._wish.kept_checkpoints

    def _put(self, kind: str, path: Path) -> str:
        place = self._free[kind].pop(0)
        self._api.upload(place, path.read_bytes())
        return place.key

    def _gain(self, files: "CheckpointFiles") -> Gain | None:
        """Measure how near the samples came to the works, from what the base model draws.

        None where that says nothing: the works have no edges.
        """
        from gpu.base_models.registry import load_base_model
        from gpu.errors import LowQualityData
        from gpu.evaluation.gain import measure_gain

        unusable = {work.name for work in self._unusable}
        works = [self._paths[work.name] for work in self._wish.works if work.name not in unusable]
        stride = max(1, len(works) // WORKS_MEASURED)
        try:
            measured = measure_gain(
                load_base_model(self._wish.base_model),
                works=[_opened(path) for path in works[::stride][:WORKS_MEASURED]],
                plain=[_opened(path) for path in files.base_sample_paths],
                trained=[_opened(path) for path in files.sample_paths],
            )
        except LowQualityData as error:
            log.warning("gain not measured", job_id=self._job.job_id, error=str(error))
            return None
        shares = asdict(measured)
        return Gain(**shares) if all(map(math.isfinite, shares.values())) else None

    def _put_checkpoint(self, progress: "TrainingProgress") -> str | None:
        if progress.checkpoint_path is None:
            return None
        place = self._job.upload["checkpoint"]
        self._api.upload(place, progress.checkpoint_path.read_bytes())
        return place.key

    def _hand_over(self, style: "TrainedStyle") -> None:
        if self._made is None:  # resumed at the last checkpoint, which another worker uploaded
            place = self._job.upload["adapter"]
            self._api.upload(place, style.adapter_path.read_bytes())
        result = TrainResult(
            style_id=self._wish.style_id,
            fence=self._job.fence,
            model_path=self._made.style_key if self._made else place.key,
            adapter_sha256=style.adapter_sha256,
            base_model_sha256=style.base_model_sha256,
            training_metric={
                "loss": style.final_loss,
                "held_out_loss": style.held_out_loss,
                "epochs": style.epochs,
                "steps": style.steps,
                "seconds": style.seconds,
            },
            sample_keys=self._made.sample_keys if self._made else [],
        )
        with about(self._job):
            self._api.complete(result)


def _named(unusable: "Iterable[UnusableArtwork]") -> list[UnusableWork]:
    return [UnusableWork(name=work.name, code=work.code) for work in unusable]


def _rounded(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _opened(path: Path) -> Image.Image:
    """Return a picture of our own making: a sample, or a clean copy of a work."""
    with Image.open(path) as image:
        return image.convert("RGB")


def _verdict(name: str, error: httpx.HTTPError) -> Exception:
    """What a failed download means: a checkpoint that is gone will not come back."""
    from gpu.errors import AdapterMismatch

    if name == "checkpoint" and _is_gone(error):
        return AdapterMismatch("the checkpoint is gone")
    return error


def _is_gone(error: httpx.HTTPError) -> bool:
    if not isinstance(error, httpx.HTTPStatusError):
        return False
    return bool(error.response.status_code == httpx.codes.NOT_FOUND)
