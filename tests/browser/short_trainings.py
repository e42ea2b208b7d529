"""The tasks of the GPU pools with the real engine and the built-in model, for `celery -I`.

Only the trainings are shorter, just long enough for two checkpoints, and pictures take fewer steps:
what a page shows of a training is the same after seconds.
"""

import dataclasses

from gpu.base_models import registry
from gpu.training import recipe
from tasks.on_gpu import render_images, train_style

__all__ = ["render_images", "train_style"]

CHECKPOINT_EVERY_STEPS = 10
registry.REGISTRY["built-in"] = dataclasses.replace(
    registry.REGISTRY["built-in"],
    training_steps=2 * CHECKPOINT_EVERY_STEPS,
    training_steps_per_artwork=0,
    default_steps=4,
    sample_steps=4,
)


@dataclasses.dataclass(frozen=True)
class ShortTraining(recipe.TrainingConfig):
    """A training with a checkpoint after a few steps."""

    checkpoint_every_steps: int = CHECKPOINT_EVERY_STEPS


recipe.TrainingConfig = ShortTraining  # the task imports it when a training begins
