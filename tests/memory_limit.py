"""Simulates full memory in a network."""

import torch


class MemoryLimit:
    """Lets a network raise `OutOfMemoryError` for batches above a size.

    It limits training, or else `rendering`. `seen` are all batch sizes, `refused` the sizes
    that raised.
    """

    def __init__(self, unet, rows, *, rendering=False):
        self.seen, self.refused = [], []
        self._rows, self._rendering = rows, rendering
        self._handle = unet.register_forward_pre_hook(self._look, with_kwargs=True)

    def _look(self, _module, arguments, _keywords):
        if torch.is_grad_enabled() is self._rendering:
            return
        self.seen.append(len(arguments[0]))
        if len(arguments[0]) > self._rows:
            self.refused.append(len(arguments[0]))
            raise torch.OutOfMemoryError("simulated")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._handle.remove()
