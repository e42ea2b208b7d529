"""The interface of segmenters: concepts in, instances out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from gpu.rules.colour import Mask
from gpu.segmenting.masks import EncodedMask, bounding_box, encode_mask

AUTOMATIC_CONFIDENCE = 0.3
"""Instances with less are never selected automatically."""


@dataclass(frozen=True)
class Concept:
    """A kind of object or surface; `prompt` is its description in English."""

    name: str
    prompt: str
    is_many: bool = False


class InvalidConcept(ValueError):
    """A concept that a segmenter cannot detect.

    `concept` is its name, `field` the invalid field, for example "prompt", and `code` an error code
    of docs/api.md (Errors).
    """

    code = "VALIDATION_ERROR"

    def __init__(self, concept: str, field: str, message: str) -> None:
        super().__init__(f"{field} of {concept}: {message}")
        self.concept = concept
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Instance:
    """One instance of a concept in a photo.

    `number` counts from 1 within photo and concept. `box` is left, top, width and height in pixels,
    `area` is in pixels. `confidence`, 0–1, is the estimated probability that the mask is right.
    """

    concept: str
    number: int
    mask: EncodedMask
    box: tuple[int, int, int, int]
    area: int
    confidence: float

    @classmethod
    def of(cls, concept: str, number: int, mask: Mask, confidence: float) -> "Instance":
        """The instance of a mask (H, W). Raises ValueError for a confidence outside 0–1."""
        if not 0 <= confidence <= 1:
            raise ValueError(f"confidence must lie in 0–1, not {confidence}")
        return cls(
            concept,
            number,
            encode_mask(mask),
            bounding_box(mask),
            int(mask.sum()),
            confidence,
        )


class Segmenter(Protocol):
    """Detects concepts in photos. Masks are cached by photo, prompt, name and version."""

    name: str
    version: str

    def segment(self, photo: Image.Image, concepts: Sequence[Concept]) -> list[Instance]:
        """All instances of all concepts in an RGB photo, by concept, the largest first.

        Raises InvalidConcept for a concept that this segmenter cannot detect.
        """
