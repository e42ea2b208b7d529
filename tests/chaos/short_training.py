"""The training task of the GPU pool with the real engine and a few steps of a tiny model.

Importing this changes the base model of the whole process: only a worker may.
"""

import dataclasses

from gpu.base_models import registry
from tasks.on_gpu import train_style
from tests import tiny_base

__all__ = ["train_style"]

registry.REGISTRY[tiny_base.NAME] = dataclasses.replace(
    registry.REGISTRY[tiny_base.NAME], training_steps=20
)
