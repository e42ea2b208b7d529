"""What a pretraining run depends on: frames, batches, length, rates."""

from dataclasses import dataclass, field
from pathlib import Path

from gpu.pretrain.model import Shape


@dataclass(frozen=True)
class Feed:
    """One frame size of a stage: how often it comes, in what batches, from how many scenes.

    `latest` is the noisiest diffusion time trained on it, of 1000.
    """

    size: tuple[int, int]
    batch: int
    share: float
    scenes: int
    latest: int = 1000


@dataclass(frozen=True)
class Stage:
    """What is fed until a share of the training is done."""

    until: float
    feeds: tuple[Feed, ...]


# Frames are drawn at the codec's inner scale, half of the picture's: these are 512x512, then also
# 512x1024 and 1024x1024. Words are learned on the small square, the cheapest. The largest are only
# ever redrawn from an enlarged draft, which is never noisier than `latest`.
STAGES = (
    Stage(0.45, (Feed((256, 256), 32, 1.0, 32_000),)),
    Stage(
        1.0,
        (
            Feed((256, 256), 32, 0.45, 32_000),
            Feed((256, 512), 16, 0.17, 6_000),
            Feed((512, 512), 10, 0.38, 5_000, latest=700),
        ),
    ),
)


@dataclass(frozen=True)
class Settings:
    """Everything a run depends on; `steps` makes its length exact, else `minutes` of work rule."""

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

    def stage_at(self, progress: float) -> Stage:
        """The stage that is due when a share of the run is done; the last one at the end."""
        return next((stage for stage in self.stages if progress < stage.until), self.stages[-1])
