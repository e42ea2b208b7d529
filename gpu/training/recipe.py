"""What a training is asked for, what it reports on the way, and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gpu.base_models.spec import BaseModelSpec
from gpu.errors import UnusableWork

MIN_WORKS = 2  # one to learn from and one held out; the platform asks for more
MIN_STEPS = 1


@dataclass(frozen=True)
class TrainingWork:
    """One picture (JPEG or PNG) and what is in it."""

    path: Path
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TrainingConfig:
    """Everything a training depends on; `None` means what suits the base model and the works.

    `trigger` is the word that will stand for the style. Works that cannot be used are left out, as
    long as `least_works` can be. `metadata` is written into the style file
    (licence, style id, …). `recipe_changes` are numbers of the `Recipe` to be other than decided,
    for experiments. With `slice_seconds` the training returns a checkpoint at the first
    boundary after that time, and `resume_from` continues it. `sample_count` pictures are drawn at
    every checkpoint, and with `plain_samples` once by the base model without the style. With
    `significant_bits` the finished weights are rounded, see `write_style`.
    """

    base_model: str
    works: tuple[TrainingWork, ...]
    trigger: str
    output_dir: Path
    seed: int
    steps: int | None = None
    batch_size: int | None = None
    rank: int | None = None
    alpha: float | None = None
    learning_rate: float | None = None
    checkpoint_every_steps: int = 50
    resume_from: Path | None = None
    slice_seconds: float | None = None
    sample_prompts: tuple[str, ...] = ()
    sample_count: int = 4
    plain_samples: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    significant_bits: int | None = None
    horizontal_flip: bool = False
    noise_offset: float = 0.0
    least_works: int = MIN_WORKS
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no training could mean."""
        if not self.trigger.strip():
            raise ValueError("trigger: a style needs a word of its own")
        counts = {
            "steps": self.steps,
            "batch_size": self.batch_size,
            "rank": self.rank,
            "checkpoint_every_steps": self.checkpoint_every_steps,
            "sample_count": self.sample_count,
        }
        if self.least_works < MIN_WORKS:
            raise ValueError(f"least_works: must be at least {MIN_WORKS}")
        for name, count in counts.items():
            if count is not None and count < 1:
                raise ValueError(f"{name}: must be at least 1")


@dataclass(frozen=True)
class Recipe:
    """The numbers of one training, all decided; written into the style file.

    `targets` are parts of the names of layers that learn; none means all layers.
    """

    steps: int
    batch_size: int
    rank: int
    alpha: float
    learning_rate: float
    checkpoint_every_steps: int
    min_snr_gamma: float | None
    horizontal_flip: bool
    noise_offset: float
    warmup_share: float = 0.05
    final_learning_rate_share: float = 0.05
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    tag_dropout: float = 0.1
    empty_prompt_share: float = 0.1
    caption_variants: int = 6
    held_out_share: float = 0.1
    patience_checkpoints: int = 3
    earliest_stop_share: float = 0.5
    targets: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        return asdict(self)


def decide_recipe(config: TrainingConfig, spec: BaseModelSpec) -> Recipe:
    """Fill in what the caller left open."""
    rank = config.rank or spec.lora_rank
    decided = Recipe(
        steps=config.steps or spec.steps_for(len(config.works)),
        batch_size=config.batch_size or spec.training_batch_size,
        rank=rank,
        alpha=spec.lora_alpha * rank / spec.lora_rank if config.alpha is None else config.alpha,
        learning_rate=config.learning_rate or spec.lora_learning_rate,
        checkpoint_every_steps=config.checkpoint_every_steps,
        min_snr_gamma=spec.min_snr_gamma,
        horizontal_flip=config.horizontal_flip,
        noise_offset=config.noise_offset,
    )
    return replace(decided, **config.recipe_changes)


@dataclass(frozen=True)
class CheckpointFiles:
    """What people can judge a checkpoint by: a style that can be rendered with, and its samples.

    `plain_sample_paths` are what the base model draws for the same prompts and seeds, if asked for.
    """

    style_path: Path
    style_sha256: str
    sample_paths: tuple[Path, ...]
    plain_sample_paths: tuple[Path, ...]


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training stands; losses are measured, `None` until there is one.

    `estimated_seconds` is the time left, `None` until enough was measured to tell. Paths are set on
    the report of the checkpoint that wrote them. `unusable_works` are those that were left out.
    """

    step: int
    total_steps: int
    epoch: int
    total_epochs: int
    percent: float
    estimated_seconds: float | None
    loss: float | None
    held_out_loss: float | None
    files: CheckpointFiles | None
    new_sample_paths: tuple[Path, ...]
    checkpoint_path: Path | None
    unusable_works: tuple[UnusableWork, ...] = ()


@dataclass(frozen=True)
class TrainingOrder:
    """One training with the two ways to talk with whoever asked for it."""

    config: TrainingConfig
    on_progress: Callable[[TrainingProgress], None]
    should_stop: Callable[[], bool]


@dataclass(frozen=True)
class TrainingCheckpoint:
    """A training that has used up its slice: resume it from `path`."""

    path: Path
    step: int


@dataclass(frozen=True)
class TrainedStyle:
    """A finished style. `held_out_history` holds (step, loss); `seconds` sums all slices."""

    adapter_path: Path
    adapter_sha256: str
    base_model_sha256: str
    loss_history: tuple[float, ...]
    held_out_history: tuple[tuple[int, float], ...]
    sample_paths: tuple[Path, ...]
    steps: int
    epochs: int
    seconds: float
    final_loss: float
    held_out_loss: float
