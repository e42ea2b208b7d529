"""The editor of photos: it checks settings, turns clicks into masks and draws previews.

The implementation (`webapp/editor.py`) uses the engine, which is no part of the domain.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from webapp.domain.sets_presets import Preset, Protection

Setting = Mapping[str, Any]
# `{action, value, options}` as a client sends it; see docs/sets.md.
Concepts = Mapping[str, Setting]
# Settings by the name of their concept.


class SettingChecker(Protocol):
    """Knows which settings the rules engine accepts."""

    def check(self, setting: Setting, preset: Preset, *, path: str) -> None:
        """Accept `{action, value, options}` for photos of a preset, or raise ValidationFailed.

        `path` is where the setting stands in the request, such as "concepts.Wall". The name of the
        bad field is that path and the path inside the setting, such as
        "concepts.Wall.options.rotation". Swatches are those of the preset's palette; an action that
        the preset does not list is refused.
        """


@dataclass(frozen=True, slots=True)
class Point:
    """A click on a photo: shares 0–1 of its width and height, inside the wanted mask or not."""

    x: float
    y: float
    include: bool = True


@dataclass(frozen=True, slots=True)
class ClickedMask:
    """A mask as a PNG of one bit per pixel in the size of the photo.

    `box` is left, top, width and height in pixels; `area` is in pixels, 0 for an empty mask.
    """

    png: bytes
    box: tuple[int, int, int, int]
    area: int


class Clicker(Protocol):
    """Finds what clicks on a photo mean."""

    def mask(
        self, key: str, read_photo: Callable[[], bytes], points: Sequence[Point]
    ) -> ClickedMask:
        """Return the mask of the points, of which at least one is included.

        `key` names the photo: what was prepared for it is kept for a while, and `read_photo`, which
        returns its file as stored by us, is called only when nothing is.
        """


@dataclass(frozen=True, slots=True)
class CarriedMask:
    """The mask of another photo as it may lie on this one, and how likely it is right, 0–1."""

    mask: ClickedMask
    confidence: float


class Carrier(Protocol):
    """Proposes the mask of one photo on others."""

    def carry(
        self, photo: bytes, mask: bytes, others: Iterable[bytes]
    ) -> Iterator[CarriedMask | None]:
        """Yield a proposal for each of the others, None where nothing speaks for one.

        `photo` and `others` are files as stored by us, `mask` a PNG of one bit in the photo's size.
        """


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """An instance in one photo, its mask a PNG of one bit in the size of the whole photo.

    `setting` is the rule of this part; `protection` holds against the rules of other concepts; a
    locked part changes by no rule.
    """

    concept: str
    mask: bytes
    setting: Setting | None = None
    protection: Protection | None = None
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class PreviewPicture:
    """A small photo after its rules, as PNG, and the concepts of rules that found no pixel."""

    png: bytes
    not_found: tuple[str, ...]


class Previewer(Protocol):
    """Applies rules to the small copies of photos."""

    def preview(
        self, photo: bytes, parts: Sequence[PreviewPart], references: Mapping[int, bytes]
    ) -> PreviewPicture:
        """Return the small photo with its rules applied and a watermark.

        `photo` and `references` are files of small copies as stored by us; a reference is a photo
        that a rule may match, by its index.
        """


class Editor(SettingChecker, Clicker, Carrier, Previewer, Protocol):
    """All of them in one."""
