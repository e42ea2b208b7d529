"""The tasks of the GPU pools with the real engine on a tiny base model, for `celery -I`.

Only the numbers of the base model are ours: few steps, one thread. A step of the tiny model takes
milliseconds, so torch may be imported before the fork here, and a killed child is back at once.
"""

import dataclasses
import os
from pathlib import Path

import torch

from gpu.base_models import registry
from tasks.on_gpu import render_images, train_style
from tests.tiny_model import write_tiny_model

__all__ = ["render_images", "train_style"]

NAME = "tiny"
FOLDER = Path(os.environ["TINY_MODEL_FOLDER"])
torch.set_num_threads(1)
if not FOLDER.exists():
    write_tiny_model(FOLDER)
registry.REGISTRY[NAME] = dataclasses.replace(
    registry.REGISTRY["sd15"],
    name=NAME,
    source=str(FOLDER),
    native_side=0,
    default_steps=6,
    sample_steps=2,
    training_steps=150,
    training_steps_per_work=0,
    lora_rank=2,
)
