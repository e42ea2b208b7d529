"""Tasks of the GPU pools: they need only the broker and the worker protocol."""

from tasks import exporter
from tasks.on_gpu import preloading, render_images, segment_photos, train_style

__all__ = ["exporter", "preloading", "render_images", "segment_photos", "train_style"]
