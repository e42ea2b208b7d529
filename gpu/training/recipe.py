"""The types of training: configuration, recipe, progress reports and results."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from peft import LoraConfig

from gpu.base_models.lora_config import lora_config
from gpu.base_models.spec import BaseModelSpec
from gpu.errors import UnusableArtwork

MIN_ARTWORKS = 2  # one to train on and one held out; the site requires more


@dataclass(frozen=True)
class TrainingArtwork:
    """A training image (JPEG or PNG) with its tags."""

    path: Path
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TrainingConfig:
    """All inputs of a training; `None` means the default of the base model.

    `trigger` is the trigger word of the style. Unusable artworks are left out, as long as
    `min_artworks` are usable. `metadata` (licence, style id, …) is written into the style file.
    `recipe_changes` overrides fields of the `Recipe`, for experiments. With `slice_seconds` the
    training returns a checkpoint at the first boundary after that time; `resume_from` continues
    it. `sample_count` samples are rendered at every checkpoint, and with `base_samples` once
    without the adapter. With `significant_bits` the weights are rounded, see `write_style`.
    """

    base_model: str
    artworks: tuple[TrainingArtwork, ...]
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
    base_samples: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    significant_bits: int | None = None
    horizontal_flip: bool = False
    noise_offset: float = 0.0
    min_artworks: int = MIN_ARTWORKS
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `ValueError` for invalid values."""
        if not self.trigger.strip():
            raise ValueError("trigger: must not be empty")
        counts = {
            "steps": self.steps,
            "batch_size": self.batch_size,
            "rank": self.rank,
            "checkpoint_every_steps": self.checkpoint_every_steps,
            "sample_count": self.sample_count,
        }
        if self.min_artworks < MIN_ARTWORKS:
            raise ValueError(f"min_artworks: must be at least {MIN_ARTWORKS}")
        for name, count in counts.items():
            if count is not None and count < 1:
                raise ValueError(f"{name}: must be at least 1")


@dataclass(frozen=True)
class Recipe:
    """All hyperparameters of a training; written into the style file.

    `targets` are substrings of the names of trainable layers; none means all layers.
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

    def lora_config(self, target_modules: Iterable[str]) -> LoraConfig:
        """The config of the adapter that this recipe trains on these layers."""
        return lora_config(target_modules, rank=self.rank, alpha=self.alpha)

    def with_lora_config(self, config: LoraConfig) -> "Recipe":
        """The same recipe with the rank and alpha of a config."""
        return replace(self, rank=config.r, alpha=float(config.lora_alpha))

    def as_dict(self) -> dict[str, object]:
        """The fields as a dict, for JSON."""
        return asdict(self)


def decide_recipe(config: TrainingConfig, spec: BaseModelSpec) -> Recipe:
    """Fill in the defaults of the base model."""
    rank = config.rank or spec.lora_rank
    decided = Recipe(
        steps=config.steps or spec.steps_for(len(config.artworks)),
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
    """The files of a checkpoint that people judge it by: its style file and samples.

    `base_sample_paths` are the same samples without the adapter, with `base_samples` only.
    """

    style_path: Path
    style_sha256: str
    sample_paths: tuple[Path, ...]
    base_sample_paths: tuple[Path, ...]


@dataclass(frozen=True)
class TrainingProgress:
    """A progress report; losses are `None` until there is one.

    `estimated_seconds` is the remaining time, `None` until it can be estimated. Paths are set in
    the report of the checkpoint that wrote them. `unusable_artworks` are those left out.
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
    unusable_artworks: tuple[UnusableArtwork, ...] = ()


@dataclass(frozen=True)
class TrainingRequest:
    """One training with its callbacks."""

    config: TrainingConfig
    on_progress: Callable[[TrainingProgress], None]
    should_stop: Callable[[], bool]


@dataclass(frozen=True)
class TrainingCheckpoint:
    """A training at the end of its time slice; resume it from `path`."""

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
