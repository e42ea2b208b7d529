"""Requests and results of rendering."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from gpu.base_models.prompts import check_tags
from gpu.errors import EngineError, InvalidPicture, InvalidPrompt

MAX_SIDE = 2048
MAX_STEPS = 150
MAX_GUIDANCE = 30.0
MAX_STRENGTH = 2.0
MAX_SEED = (1 << 63) - 1


@dataclass(frozen=True)
class RenderRequest:
    """One image in one style; `None` means the default of the base model.

    For masked image-to-image (inpainting) all of `picture`, `mask` and `repaint_strength` are set:
    an RGB picture of `width` × `height`, a 1-bit mask of the same size (1 is repainted), and the
    share of the denoising steps that run, more than 0 and at most 1.
    """

    request_id: str
    adapter_path: Path
    adapter_sha256: str
    trigger: str
    prompt_tags: tuple[str, ...]
    negative_tags: tuple[str, ...] = ()
    width: int = 512
    height: int = 512
    seed: int = 0
    steps: int | None = None
    guidance_scale: float | None = None
    style_strength: float = 1.0
    picture: Image.Image | None = field(default=None, repr=False)
    mask: Image.Image | None = field(default=None, repr=False)
    repaint_strength: float | None = None

    def check(self, size_multiple: int) -> None:
        """Raise `InvalidPrompt` for tags, numbers, or sides (pixels) that cannot be rendered.

        Raises its subclass `InvalidPicture` for an invalid picture, mask or strength.
        """
        check_tags(self.prompt_tags, field="prompt_tags")
        check_tags(self.negative_tags, field="negative_tags")
        if not self.prompt_tags:
            raise InvalidPrompt("prompt_tags: at least one tag is needed")
        for side in (self.width, self.height):
            if not 0 < side <= MAX_SIDE or side % size_multiple:
                raise InvalidPrompt(f"size {self.width}x{self.height} cannot be rendered")
        if not 0 <= self.seed <= MAX_SEED:
            raise InvalidPrompt(f"seed {self.seed} is out of range")
        if self.steps is not None and not 1 <= self.steps <= MAX_STEPS:
            raise InvalidPrompt(f"steps {self.steps} is out of range")
        _check_range("guidance_scale", self.guidance_scale, MAX_GUIDANCE)
        _check_range("style_strength", self.style_strength, MAX_STRENGTH)
        self._check_picture()

    def _check_picture(self) -> None:
        if self.picture is None and self.mask is None and self.repaint_strength is None:
            return
        if self.picture is None or self.mask is None or self.repaint_strength is None:
            raise InvalidPicture("picture, mask and repaint_strength are needed together")
        size = (self.width, self.height)
        for name, image, mode in (("picture", self.picture, "RGB"), ("mask", self.mask, "1")):
            if image.size != size:
                raise InvalidPicture(f"{name}: its size is {image.size}, not {size}")
            if image.mode != mode:
                raise InvalidPicture(f"{name}: its mode is {image.mode}, not {mode}")
        if self.mask.getbbox() is None:
            raise InvalidPicture("mask: it is empty")
        if not (math.isfinite(self.repaint_strength) and 0 < self.repaint_strength <= 1):
            raise InvalidPicture(f"repaint_strength {self.repaint_strength} is out of range")


@dataclass(frozen=True)
class RenderedImage:
    """A rendered picture with its parameters."""

    request_id: str
    image: Image.Image
    seed: int
    width: int
    height: int
    adapter_sha256: str
    steps: int
    guidance_scale: float


@dataclass(frozen=True)
class RenderFailure:
    """The reason why one request failed; others of its batch may succeed."""

    request_id: str
    cause: str
    message: str
    retryable: bool

    @classmethod
    def of(cls, request: RenderRequest, error: EngineError) -> "RenderFailure":
        """The failure of a request through an engine error."""
        return cls(request.request_id, error.cause, str(error), error.retryable)


def _check_range(field: str, value: float | None, limit: float) -> None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= limit):
        raise InvalidPrompt(f"{field} {value} is out of range")
