"""The configuration of a pretraining run: frame sizes, batches, length, learning rates."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from gpu.pretrain.model import Shape
from gpu.pretrain.times import DEFAULT_TIME_SHARES, TimeShares


@dataclass(frozen=True)
class Bucket:
    """One frame size of a stage.

    `size` is (width, height), `batch` the rows of a step, `share` the relative frequency of its
    steps, `scenes` the size of its data set, and `max_time` the upper bound of its diffusion times.
    """

    size: tuple[int, int]
    batch: int
    share: float
    scenes: int
    max_time: int = 1000


@dataclass(frozen=True)
class Stage:
    """The buckets that are trained on until a share of the run is done."""

    until: float
    buckets: tuple[Bucket, ...]


# Words are learned on the smallest frame, which costs least. The largest frame is only ever redrawn
# from an enlarged draft, so higher diffusion times than its `max_time` do not occur.
STAGES = (
    Stage(0.45, (Bucket((512, 512), 32, 1.0, 24_000),)),
    Stage(
        1.0,
        (
            Bucket((512, 512), 32, 0.7, 24_000),
            Bucket((512, 1024), 16, 0.15, 3_000),
            Bucket((1024, 1024), 10, 0.15, 2_000, max_time=700),
        ),
    ),
)


def scaled(stages: tuple[Stage, ...], batch: int, scenes: float) -> tuple[Stage, ...]:
    """The same stages with batch sizes and numbers of scenes multiplied by factors."""
    return tuple(
        replace(
            stage,
            buckets=tuple(
                replace(bucket, batch=bucket.batch * batch, scenes=round(bucket.scenes * scenes))
                for bucket in stage.buckets
            ),
        )
        for stage in stages
    )


@dataclass(frozen=True)
class Settings:
    """Settings of a run; its length is `steps`, or `minutes` of training if `steps` is `None`."""

    out: Path
    minutes: float = 85.0
    steps: int | None = None
    seed: int = 7
    shape: Shape = field(default_factory=Shape)
    stages: tuple[Stage, ...] = STAGES
    learning_rate: float = 7e-3
    final_learning_rate: float = 4e-5
    warmup_steps: int = 200
    ema_decay: float = 0.997
    snr_ceiling: float = 5.0
    thing_weight: float = 2.0
    restyled_share: float = 0.3
    checkpoint_minutes: float = 5.0
    autocast: bool = True
    with_samples: bool = True
    version: str = "scenes-3"  # of the scenes
    cache: Path | None = None  # folder of the latent stores; `None`: in the run's folder
    drawing_processes: int = 0  # 0: all scenes are drawn before training starts
    first_share: float = 1.0  # of the scenes that must be ready when training starts
    time_shares: TimeShares = DEFAULT_TIME_SHARES
    trains_text_encoder: bool = True
    trains_head_only: bool = False  # the rest of the UNet keeps its weights

    def stage_at(self, progress: float) -> Stage:
        """The stage at a share of the run; the last one from its end on."""
        return next((stage for stage in self.stages if progress < stage.until), self.stages[-1])
