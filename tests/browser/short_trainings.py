"""The tasks of the GPU pools with the real engine and the built-in model, for `celery -I`.

Trainings are just long enough for two checkpoints, pictures take few steps, and what is measured of
them is small. What a page shows of them is the same after seconds.
"""

import dataclasses

from gpu.base_models import registry
from gpu.evaluation import edges, meter
from gpu.training import recipe
from tasks.on_gpu import render_images, train_style

__all__ = ["render_images", "train_style"]

CHECKPOINT_EVERY_STEPS = 6
meter._SIDE = edges._SIDE = 64  # at full size it takes seconds
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
