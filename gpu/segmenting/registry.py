"""Segmenters by name. Modules are imported on use, so that `classic` does not import torch."""

from importlib import import_module
from typing import Any, cast

from gpu.segmenting.interface import Segmenter

DEFAULT = "classic"


def load_segmenter(name: str = DEFAULT, **settings: Any) -> Segmenter:
    """Load a segmenter: "classic" needs no weights, "sam3" needs a checkpoint.

    `settings` are its keyword arguments; for "sam3", those of `Sam3Segmenter.load`.

    Raises ValueError for an unknown name; ModelMissing without the weights of "sam3".
    """
    # imported by name: this module must not lead everybody who imports it to torch
    match name:
        case "classic":
            module = import_module("gpu.segmenting.classic")
            return cast("Segmenter", module.Classic(**settings))
        case "sam3":
            module = import_module("gpu.segmenting.sam3")
            return cast("Segmenter", module.Sam3Segmenter.load(**settings))
        case _:
            raise ValueError(f"there is no segmenter {name!r}: choose classic or sam3")
