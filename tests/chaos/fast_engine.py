"""The rendering task of the GPU pool with an engine that only pretends, for `celery -I`.

Everything else is the product's own: bells, claims, fences, progress, uploads and failpoints. So
hundreds of generations go through the whole chain in the time a real engine needs for a few.
Importing this changes the task of the whole process: only a worker may.
"""

from tasks.on_gpu import preloading, render_images, train_style
from tasks.work import rendering
from tests.chaos.pretending import FastRenderer

__all__ = ["render_images", "train_style"]

# A child that loads nothing is back at once after its death.
for module in (preloading, rendering):
    module.renderer_for = lambda _base_model: FastRenderer()
