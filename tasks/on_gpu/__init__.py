"""Tasks of the GPU pools: they need the broker and the worker protocol, and nothing else."""

from tasks import exporter
from tasks.on_gpu import preloading, render_images, segment_photos, train_style

__all__ = ["exporter", "preloading", "render_images", "segment_photos", "train_style"]
