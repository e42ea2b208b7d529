"""What a pretraining run depends on: frames, batches, length, rates."""

from dataclasses import dataclass, field, replace
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


# Words are learned on the small square, the cheapest. The largest frames are only ever redrawn from
# an enlarged draft, which is never noisier than `latest`.
STAGES = (
    Stage(0.45, (Feed((512, 512), 32, 1.0, 24_000),)),
    Stage(
        1.0,
        (
            Feed((512, 512), 32, 0.7, 24_000),
            Feed((512, 1024), 16, 0.15, 3_000),
            Feed((1024, 1024), 10, 0.15, 2_000, latest=700),
        ),
    ),
)
# (share of the rows, diffusion time) up to each edge. At times below `QUIET` edges are drawn; above
# 800 words decide the picture.
Shares = tuple[tuple[float, int], ...]
QUIET, QUIET_SHARE, LOUD, LOUD_SHARE = 300, 0.35, 800, 0.3


def shares_of_times(quiet_share: float) -> Shares:
    """Diffusion times with a share of them below `QUIET`; 1 makes an expert for little noise."""
    loud_share = LOUD_SHARE * (1 - quiet_share) / (1 - QUIET_SHARE)
    shares = ((quiet_share, QUIET), (1 - loud_share, LOUD), (1.0, 1000))
    return tuple((share, edge) for share, edge in shares if share <= 1)[
        : 1 if quiet_share >= 1 else 3
    ]


TIME_SHARES = shares_of_times(QUIET_SHARE)


def scaled(stages: tuple[Stage, ...], batch: int, scenes: float) -> tuple[Stage, ...]:
    """The same stages with batches and numbers of scenes times a factor."""
    return tuple(
        replace(
            stage,
            feeds=tuple(
                replace(feed, batch=feed.batch * batch, scenes=round(feed.scenes * scenes))
                for feed in stage.feeds
            ),
        )
        for stage in stages
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
    version: str = "scenes-3"  # of the scenes
    cache: Path | None = None  # where scenes are kept; `None`: in the run's folder
    drawing_processes: int = 0  # 0: all scenes are drawn before training begins
    first_share: float = 1.0  # training begins with so much of the scenes
    time_shares: Shares = TIME_SHARES
    learns_words: bool = True  # else the text encoder stays, to be shared with another UNet

    def stage_at(self, progress: float) -> Stage:
        """The stage that is due when a share of the run is done; the last one at the end."""
        return next((stage for stage in self.stages if progress < stage.until), self.stages[-1])
