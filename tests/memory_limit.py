"""A network that finds its memory full, as on a small card."""

import torch


class MemoryLimit:
    """Makes the real network refuse batches above a size, as a full card would.

    It limits learning, or else `drawing`; `seen` are the sizes it was asked for, `refused` those
    it had no room for.
    """

    def __init__(self, unet, rows, *, drawing=False):
        self.seen, self.refused = [], []
        self._rows, self._drawing = rows, drawing
        self._handle = unet.register_forward_pre_hook(self._look, with_kwargs=True)

    def _look(self, _module, arguments, _keywords):
        if torch.is_grad_enabled() is self._drawing:
            return
        self.seen.append(len(arguments[0]))
        if len(arguments[0]) > self._rows:
            self.refused.append(len(arguments[0]))
            raise torch.OutOfMemoryError("simulated")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._handle.remove()
