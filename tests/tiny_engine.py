"""The tasks of the GPU pools with the real engine on a tiny base model, for `celery -I`.

A step of the tiny model takes milliseconds, so torch may be imported before the fork here, and a
killed child is back at once.
"""

from tasks.on_gpu import render_images, train_style
from tests import tiny_base

__all__ = ["render_images", "tiny_base", "train_style"]
