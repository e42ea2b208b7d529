"""Tasks of the GPU pools: they need the broker and the worker protocol, and nothing else."""

from tasks.on_gpu import render_images, train_style

__all__ = ["render_images", "train_style"]
