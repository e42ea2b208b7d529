"""Protocols of the photo editor: it checks settings, turns clicks into masks, renders previews.

The implementation is `webapp/editor.py`; it uses the engine, which the domain may not import.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from webapp.domain.models.documents import Setting
from webapp.domain.sets_presets import Preset, Protection

# Settings by the name of their concept.
Concepts = Mapping[str, Setting]


class SettingChecker(Protocol):
    """Checks whether the rules engine accepts a setting."""

    def check(self, setting: Setting, preset: Preset, *, path: str) -> None:
        """Raise ValidationFailed unless `{action, value, options}` is valid for a preset.

        `path` is the path of the setting in the request, such as "concepts.Wall". The name of the
        invalid field is that path and the path inside the setting, such as
        "concepts.Wall.options.rotation". Swatches must be in the preset's palette, and the action
        in its list of actions.
        """


@dataclass(frozen=True, slots=True)
class Point:
    """A click on a photo: shares 0–1 of its width and height; `include` if inside the mask."""

    x: float
    y: float
    include: bool = True


@dataclass(frozen=True, slots=True)
class ClickedMask:
    """A mask as a PNG with one bit per pixel in the size of the photo.

    `box` is left, top, width and height in pixels; `area` is in pixels, 0 for an empty mask.
    """

    png: bytes
    box: tuple[int, int, int, int]
    area: int


class Clicker(Protocol):
    """Computes masks from clicks on a photo."""

    def mask(
        self, key: str, read_photo: Callable[[], bytes], points: Sequence[Point]
    ) -> ClickedMask:
        """Return the mask of the points, of which at least one is included.

        `key` identifies the photo in a cache of prepared photos. `read_photo` returns the stored
        file; it is called only on a cache miss.
        """


@dataclass(frozen=True, slots=True)
class CarriedMask:
    """A proposed mask, derived from the mask of another photo, with a confidence of 0–1."""

    mask: ClickedMask
    confidence: float


class Carrier(Protocol):
    """Proposes the mask of one photo for other photos."""

    def carry(
        self, photo: bytes, mask: bytes, others: Iterable[bytes]
    ) -> Iterator[CarriedMask | None]:
        """Yield a proposal for each of the other photos, None if there is no likely mask.

        `photo` and `others` are stored files, `mask` is a PNG with one bit per pixel of the photo.
        """


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """An instance in one photo; its mask is a PNG with one bit per pixel of the whole photo.

    `setting` is the rule of this part. `protection` protects it from the rules of other concepts.
    No rule changes a locked part.
    """

    concept: str
    mask: bytes
    setting: Setting | None = None
    protection: Protection | None = None
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class PreviewPicture:
    """A small photo with its rules applied, as PNG; `not_found` are concepts without any pixel."""

    png: bytes
    not_found: tuple[str, ...]


class Previewer(Protocol):
    """Applies rules to the small copies of photos."""

    def preview(
        self, photo: bytes, parts: Sequence[PreviewPart], references: Mapping[int, bytes]
    ) -> PreviewPicture:
        """Return the small photo with its rules applied and a watermark.

        `photo` and `references` are stored files of small copies. References are the photos that a
        rule may match, by index.
        """


@dataclass(frozen=True, slots=True)
class MarkedPicture:
    """A picture with the watermark of the free plan as PNG, and a small copy of it as WebP."""

    png: bytes
    preview: bytes


class Marker(Protocol):
    """Adds the watermark of the free plan to finished photos."""

    def mark(self, picture: bytes) -> MarkedPicture:
        """Return a PNG with the watermark. Raises OSError, SyntaxError or ValueError if damaged."""


class Editor(SettingChecker, Clicker, Carrier, Previewer, Marker, Protocol):
    """All protocols of the editor."""
