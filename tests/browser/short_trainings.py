"""The tasks of the GPU pools with the real engine and the built-in model, for `celery -I`.

Only the trainings are shorter, just long enough for two checkpoints: what a page shows of a
training is the same after seconds.
"""

import dataclasses

from gpu.base_models import registry
from tasks.on_gpu import render_images, train_style

__all__ = ["render_images", "train_style"]

registry.REGISTRY["built-in"] = dataclasses.replace(
    registry.REGISTRY["built-in"], training_steps=60, training_steps_per_artwork=0
)
