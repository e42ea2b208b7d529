"""The tasks of the GPU pools with the real engine and a small built-in model, for `celery -I`.

The model lacks its detail head, which is most of its work; trainings are just long enough for two
checkpoints, and pictures take few steps. What a page shows of them is the same after seconds.
"""

import dataclasses
import os
import shutil
from pathlib import Path

from gpu.base_models import registry
from gpu.base_models.shortcut_unet import ShortcutUNet
from gpu.evaluation import edges, meter
from gpu.training import recipe
from tasks.on_gpu import render_images, train_style

__all__ = ["render_images", "train_style"]

CHECKPOINT_EVERY_STEPS = 6
BUILT_IN = registry.REGISTRY["built-in"]
FOLDER = Path(os.environ["TINY_MODEL_FOLDER"])


def write_without_head(folder: Path) -> None:
    """Write the built-in model without its detail head."""
    shutil.copytree(BUILT_IN.source, folder)
    unet = ShortcutUNet.from_pretrained(folder / "unet")
    unet.detail = None
    unet.register_to_config(detail_depth=0)
    unet.save_pretrained(folder / "unet")


if not FOLDER.exists():
    write_without_head(FOLDER)
meter._SIDE = edges._SIDE = 64  # of the pictures that are measured; at full size it takes seconds
registry.REGISTRY["built-in"] = dataclasses.replace(
    BUILT_IN,
    source=str(FOLDER),
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
