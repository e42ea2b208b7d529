"""The editor of the web process: checks of settings, clicks and previews, by the engine.

Each takes well under a second; photos in full size are edited by tasks.
"""

import io
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache

import numpy as np
from PIL import Image

from gpu.rules.actions import Rule, parse_rule
from gpu.rules.colour import Mask, measure_photo
from gpu.rules.engine import apply_rules
from gpu.rules.errors import InvalidRule
from gpu.rules.regions import Part, Protection
from gpu.rules.restyle import Restyle
from gpu.rules.swatches import Swatch
from gpu.rules.watermark import watermarked
from gpu.segmenting.carrying import carry
from gpu.segmenting.clicks import Click, ClickedPhoto
from gpu.segmenting.masks import bounding_box, encode_mask, grown
from imaging.writing import encode_png
from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.gateways.editor import (
    CarriedMask,
    ClickedMask,
    MarkedPicture,
    Point,
    PreviewPart,
    PreviewPicture,
)
from webapp.domain.models.documents import Setting
from webapp.domain.sets_presets import Preset, swatches

PREPARED_PHOTOS = 8
"""Cached by each process: about 15 MB per photo."""

CLICKED_PIXELS = 8_000_000
"""A larger photo is segmented in a copy of this size: the guided filter uses 40 bytes a pixel."""

SMALL_SIDE = 1024
"""Pixels of the longer side of a small copy, as tasks make it."""

_RANGE = re.compile(r"must lie in (\S+?)–(\S+)")
_STYLE_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_NO_STYLE = "must be the id of a style"
_TONES = "must be match:<index> or one of "
_INDEX = re.compile(r"\[(\d+)\]")


class EngineEditor:
    """`gateways.editor.Editor` over `gpu.rules` and `gpu.segmenting`; one for all threads."""

    def __init__(self) -> None:
        self._prepared = OrderedDict[str, _Prepared]()
        self._lock = threading.Lock()

    def check(self, setting: Setting, preset: Preset, *, path: str) -> None:
        """See `SettingChecker.check`."""
        action = setting.get("action")
        if not isinstance(action, str) or action not in set(preset.actions):
            choices = FieldProblem("One of %(choices)s.", choices=", ".join(preset.actions))
            raise ValidationFailed(fields={f"{path}.action": [choices]})
        try:
            rule = parse_rule(setting, _Palette(preset.palette))
            if isinstance(rule, Restyle):
                _check_style(rule.style_id)
        except InvalidRule as error:
            field = _INDEX.sub(r".\1", f"{path}.{error.field}")
            raise ValidationFailed(fields={field: [_problem(error)]}) from error

    def mask(
        self, key: str, read_photo: Callable[[], bytes], points: Sequence[Point]
    ) -> ClickedMask:
        """See `Clicker.mask`."""
        clicks = [Click(point.x, point.y, point.include) for point in points]
        return _encoded(self._prepare(key, read_photo).mask(clicks))

    def _prepare(self, key: str, read_photo: Callable[[], bytes]) -> "_Prepared":
        with self._lock:
            if key in self._prepared:
                self._prepared.move_to_end(key)
                return self._prepared[key]
        # Not under the lock: clicks on another photo need not wait for this file.
        prepared = _Prepared(_opened(read_photo()))
        with self._lock:
            self._prepared[key] = prepared
            while len(self._prepared) > PREPARED_PHOTOS:
                self._prepared.popitem(last=False)
        return prepared

    def carry(
        self, photo: bytes, mask: bytes, others: Iterable[bytes]
    ) -> Iterator[CarriedMask | None]:
        """See `Carrier.carry`."""
        source = _manageable(_opened(photo))
        region = _mask_in(mask, source.size)
        for file in others:
            whole = _opened(file)
            proposal = carry(source, region, _manageable(whole))
            if proposal is None or not proposal.mask.any():
                yield None
                continue
            resized = _resized(proposal.mask, whole.size)
            yield CarriedMask(_encoded(resized), proposal.confidence)

    def preview(
        self, photo: bytes, parts: Sequence[PreviewPart], references: Mapping[int, bytes]
    ) -> PreviewPicture:
        """See `Previewer.preview`."""
        image = _opened(photo)
        edited = apply_rules(
            image,
            [_part(part, image.size) for part in parts],
            swatches=_Palette(swatches()),
            references={index: measure_photo(_opened(data)) for index, data in references.items()},
        )
        stream = io.BytesIO()
        watermarked(edited.image).save(stream, "PNG", compress_level=3)
        return PreviewPicture(stream.getvalue(), edited.not_found)

    def mark(self, picture: bytes) -> MarkedPicture:
        """See `Marker.mark`."""
        marked = watermarked(_opened(picture))
        small = marked.copy()
        small.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        small.save(stream, "WEBP", quality=85)
        return MarkedPicture(encode_png(marked), stream.getvalue())


class _Prepared:
    """A photo prepared for clicks, in its own size or a smaller one."""

    def __init__(self, photo: Image.Image) -> None:
        self._size = photo.size
        self._clicked = ClickedPhoto(_manageable(photo))

    def mask(self, clicks: Sequence[Click]) -> Mask:
        """The mask (H, W) in the size of the whole photo."""
        return _resized(self._clicked.mask(clicks), self._size)


def _manageable(photo: Image.Image) -> Image.Image:
    """The photo, RGB, in a smaller copy where it is larger than CLICKED_PIXELS."""
    factor = (photo.width * photo.height / CLICKED_PIXELS) ** 0.5
    photo = photo.convert("RGB")
    if factor <= 1:
        return photo
    smaller = round(photo.width / factor), round(photo.height / factor)
    return photo.resize(smaller, Image.Resampling.BOX, reducing_gap=2.0)


def _encoded(mask: Mask) -> ClickedMask:
    return ClickedMask(encode_mask(mask).png, bounding_box(mask), int(mask.sum()))


def _mask_in(png: bytes, size: tuple[int, int]) -> Mask:
    """A stored mask in the size (width, height) of a copy of its photo."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as whole:
        levels = whole.convert("L")
    if levels.size != size:
        levels = levels.resize(size, Image.Resampling.BILINEAR)
    mask: Mask = np.asarray(levels) > 127  # noqa: PLR2004 - a half
    return mask


def _opened(file: bytes) -> Image.Image:
    """Decode a stored file as RGB or RGBA; it is upright and in sRGB."""
    with Image.open(io.BytesIO(file), formats=("PNG", "WEBP")) as picture:
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _resized(mask: Mask, size: tuple[int, int]) -> Mask:
    if (mask.shape[1], mask.shape[0]) == size:
        return mask
    levels = Image.fromarray(mask).convert("L").resize(size, Image.Resampling.BILINEAR)
    resized: Mask = np.asarray(levels) > 127  # noqa: PLR2004 - a half
    return resized


def _part(part: PreviewPart, size: tuple[int, int]) -> Part:
    """The part in a small copy of this size; the mask of an edited part includes mixed pixels."""
    mask = _mask_in(part.mask, size)
    rule: Rule | None = None
    if part.setting is not None:
        rule = parse_rule(part.setting, _Palette(swatches()))
        mask = grown(mask)
    protection = Protection(part.protection.value) if part.protection else Protection.NONE
    return Part(part.concept, mask, rule, protection, part.is_locked)


class _Palette(Mapping[str, Swatch]):
    """Swatches by name, each read when it is first used."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)

    def __getitem__(self, name: str) -> Swatch:
        if name not in self._names:
            raise KeyError(name)
        return _swatch(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _check_style(style_id: str) -> None:
    """Raise InvalidRule for a value that cannot be an id; the database knows which styles exist."""
    if not _STYLE_ID.fullmatch(style_id):
        raise InvalidRule("value", _NO_STYLE)


@cache
def _swatch(name: str) -> Swatch:
    file = swatches()[name]
    return Swatch.read(file.path, file.metres)


def _problem(error: InvalidRule) -> FieldProblem:
    """Return the error of a field of a rule as a text that can be translated."""
    text = error.message
    if limits := _RANGE.fullmatch(text):
        return FieldProblem("%(least)s to %(most)s.", least=limits[1], most=limits[2])
    if text.startswith(_TONES):
        choices = text.removeprefix(_TONES)
        return FieldProblem("match: with the index of a photo, or one of %(tones)s.", tones=choices)
    for beginning, problem in _PROBLEMS.items():
        if beginning in text:
            return problem
    raise error


_PROBLEMS = {
    _NO_STYLE: FieldProblem("Must be the id of a style."),
    "a rule has no field": FieldProblem("A rule has no such field."),
    "must be a number": FieldProblem("Must be a number."),
    "must be an object": FieldProblem("Must be an object."),
    "must be four points": FieldProblem("Must be four points [x, y]."),
    "must be a convex quadrangle": FieldProblem(
        "Corners in this order: top left, top right, bottom right, bottom left."
    ),
    "must be a point": FieldProblem("Must be a point [x, y]."),
    "has no such option here": FieldProblem("This action has no such option."),
    "must be the name of a swatch": FieldProblem("Must be a swatch of this preset."),
    "colour written #RRGGBB": FieldProblem(
        "Must be a colour such as #A0B1C2, or a swatch of this preset."
    ),
    "needs the plane": FieldProblem("Needs a plane, which gives its size."),
    "cannot stand beside metres": FieldProblem("Not together with metres."),
    "remove_background has no value": FieldProblem("This action has no value."),
}
