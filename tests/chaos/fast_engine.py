"""The rendering task of the GPU pool with a fast fake engine, for `celery -I`.

Everything else is product code: messages, claims, fences, progress, uploads and failpoints. So
hundreds of generations run in the time that the real engine needs for a few.
Importing this changes the task of the whole process: only a worker may.
"""

from tasks.gpu_jobs import rendering
from tasks.on_gpu import preloading, render_images, train_style
from tests.chaos.pretending import FastRenderer

__all__ = ["render_images", "train_style"]

# A child that loads nothing is back at once after its death.
for module in (preloading, rendering):
    module.renderer_for = lambda _base_model: FastRenderer()
