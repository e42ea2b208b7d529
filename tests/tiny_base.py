"""A tiny base model for real processes: few steps, one thread, random weights.

Importing it makes the model and its name known to the process. Nothing of Celery is imported, so
that a worker outside our broker may know it too.
"""

import dataclasses
import os
from pathlib import Path

import torch

from gpu.base_models import registry
from gpu.evaluation import edges, meter
from tests.tiny_model import write_tiny_model

NAME = "tiny"
FOLDER = Path(os.environ["TINY_MODEL_FOLDER"])
torch.set_num_threads(1)
if not FOLDER.exists():
    write_tiny_model(FOLDER)
# What is measured of such pictures says nothing, but at full size it takes seconds.
meter._SIDE = edges._SIDE = 64
registry.REGISTRY[NAME] = dataclasses.replace(
    registry.REGISTRY["sd15"],
    name=NAME,
    source=str(FOLDER),
    native_side=0,
    default_steps=6,
    sample_steps=2,
    training_steps=150,
    training_steps_per_artwork=0,
    lora_rank=2,
)
