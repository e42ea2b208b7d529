"""Uploads the files of a training's checkpoints under one lease, and measures their gain."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from PIL import Image

from tasks.messages import ClaimedTraining, Gain, MadeCheckpoint
from tasks.worker_api import WorkerApi

if TYPE_CHECKING:
    from gpu.training.recipe import CheckpointFiles, TrainingProgress

log = structlog.get_logger()
ARTWORKS_MEASURED = 8  # enough for a stable gain, measured within seconds


class CheckpointUploads:
    """The upload URLs of one claimed training; `last` is the last checkpoint uploaded to them."""

    def __init__(self, api: WorkerApi[ClaimedTraining], job: ClaimedTraining) -> None:
        self.last: MadeCheckpoint | None = None
        self._api = api
        self._job = job
        self._train_job = job.payload
        self._targets = {
            kind: [job.upload[name] for name in sorted(job.upload) if name.startswith(kind)]
            for kind in ("style", "sample", "base")
        }
        self._base_sample_keys: list[str] = []

    def is_full(self) -> bool:
        """Return whether the upload URLs of this lease are used up."""
        return (
            not self._targets["style"]
            or len(self._targets["sample"]) < self._train_job.sample_count
        )

    def put(
        self, progress: "TrainingProgress", files: "CheckpointFiles", artworks: Sequence[Path]
    ) -> MadeCheckpoint:
        """Upload the style file and its samples, and measure the gain from the used artworks."""
        self.last = MadeCheckpoint(
            step=progress.step,
            held_out_loss=progress.held_out_loss,
            style_key=self._put("style", files.style_path),
            style_sha256=files.style_sha256,
            sample_keys=[self._put("sample", path) for path in files.sample_paths],
            base_sample_keys=self._put_base_samples(files),
            gain=self._gain(files, artworks) if self._is_retained(progress) else None,
        )
        return self.last

    def put_state(self, progress: "TrainingProgress") -> str | None:
        """Upload the state to resume from; return its key, None without a checkpoint."""
        if progress.checkpoint_path is None:
            return None
        return self._put_named("checkpoint", progress.checkpoint_path)

    def put_adapter(self, path: Path) -> str:
        """Upload the style file of a training that another worker has trained; return its key."""
        return self._put_named("adapter", path)

    def _put_base_samples(self, files: "CheckpointFiles") -> list[str]:
        """Upload the samples of the base model once per lease; return their keys.

        Empty when the site is older than this worker and has no URLs for them.
        """
        if not self._base_sample_keys and self._targets["base"]:
            paths = files.base_sample_paths
            self._base_sample_keys = [self._put("base", path) for path in paths]
        return self._base_sample_keys

    def _put(self, kind: str, path: Path) -> str:
        target = self._targets[kind].pop(0)
        self._api.upload(target, path.read_bytes())
        return target.key

    def _put_named(self, name: str, path: Path) -> str:
        target = self._job.upload[name]
        self._api.upload(target, path.read_bytes())
        return target.key

    def _is_retained(self, progress: "TrainingProgress") -> bool:
        """Return whether this is one of the last checkpoints; the gain of others is never shown."""
        every = progress.step - (self.last.step if self.last else 0)
        following = -(-(progress.total_steps - progress.step) // max(1, every))
        return following < self._train_job.kept_checkpoints

    def _gain(self, files: "CheckpointFiles", artworks: Sequence[Path]) -> Gain | None:
        """Measure how far the samples moved from those of the base model towards the artworks.

        None when it cannot be measured: the artworks have no edges.
        """
        from gpu.base_models.registry import load_base_model
        from gpu.errors import LowQualityData
        from gpu.evaluation.gain import measure_gain

        stride = max(1, len(artworks) // ARTWORKS_MEASURED)
        try:
            measured = measure_gain(
                load_base_model(self._train_job.base_model),
                works=[_opened(path) for path in artworks[::stride][:ARTWORKS_MEASURED]],
                plain=[_opened(path) for path in files.base_sample_paths],
                trained=[_opened(path) for path in files.sample_paths],
            )
        except LowQualityData as error:
            log.warning("gain not measured", job_id=self._job.job_id, error=str(error))
            return None
        shares = asdict(measured)
        return Gain(**shares) if all(map(math.isfinite, shares.values())) else None


def _opened(path: Path) -> Image.Image:
    """Read a sample or a clean copy of an artwork as RGB."""
    with Image.open(path) as image:
        return image.convert("RGB")
