"""Tasks of the GPU pools: they need the broker and the worker protocol, and nothing else."""

from tasks.on_gpu import preloading, render_images, train_style

__all__ = ["preloading", "render_images", "train_style"]
