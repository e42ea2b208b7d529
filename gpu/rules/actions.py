"""From `{action, value, options}` as a client sends it to a typed rule."""

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from gpu.rules.background import Background, RemoveBackground
from gpu.rules.colour import parse_colour
from gpu.rules.errors import InvalidRule
from gpu.rules.recolor import Recolor
from gpu.rules.restyle import Restyle
from gpu.rules.swatches import Swatch
from gpu.rules.texture import Corners, Plane, Point, Texture, check_corners
from gpu.rules.tone import Match, Tone, ToneChange

Rule = Recolor | Tone | Match | Texture | Background | RemoveBackground | Restyle
_FIELDS = ("action", "value", "options")
_MATCH = re.compile(r"match:([0-9]{1,4})")
_FAR = 10.0  # corners of a plane may lie this many photo sizes away


def parse_rule(setting: Mapping[str, Any], swatches: Mapping[str, Swatch]) -> Rule:
    """Check a setting and make its rule.

    Raises InvalidRule with the path of the first field that is unknown, missing, of another type or
    out of range.
    """
    for name in setting:
        if name not in _FIELDS:
            raise InvalidRule(name, f"a rule has no field {name!r}")
    action = setting.get("action")
    if not isinstance(action, str) or action not in _PARSERS:
        raise InvalidRule("action", f"must be one of {', '.join(sorted(_PARSERS))}")
    options = setting.get("options")
    if options is not None and not isinstance(options, Mapping):
        raise InvalidRule("options", "must be an object")
    read = _Options(action, dict(options or {}))
    rule = _PARSERS[action](setting.get("value"), read, swatches)
    read.refuse_others()
    return rule


class _Options:
    """The options of one action; each is read once, and what nobody read is unknown."""

    def __init__(self, action: str, values: dict[Any, Any], path: str = "options") -> None:
        self._action, self._values, self._path = action, values, path

    def number(self, name: str, default: float | None, least: float, most: float) -> float:
        value = self._values.pop(name, None)
        return _number(default if value is None else value, f"{self._path}.{name}", least, most)

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def point(self, name: str, default: Point, most: float) -> Point:
        value = self._values.pop(name, None)
        return _point(default if value is None else value, f"{self._path}.{name}", most)

    def corners(self, name: str) -> Corners:
        path, value = f"{self._path}.{name}", self._values.pop(name, None)
        if not isinstance(value, list | tuple) or len(value) != 4:  # noqa: PLR2004 - a quadrangle
            raise InvalidRule(path, "must be four points [x, y]")
        first, second, third, fourth = (
            _point(each, f"{path}[{index}]", _FAR) for index, each in enumerate(value)
        )
        return first, second, third, fourth

    def group(self, name: str) -> "_Options":
        value = self._values.pop(name)
        if not isinstance(value, Mapping):
            raise InvalidRule(f"{self._path}.{name}", "must be an object")
        return _Options(self._action, dict(value), f"{self._path}.{name}")

    def refuse_others(self) -> None:
        for name, value in self._values.items():
            if value is None:
                continue  # an option that is null is an option that was not given
            raise InvalidRule(f"{self._path}.{name}", f"{self._action} has no such option here")


def _number(value: Any, path: str, least: float, most: float) -> float:
    # a bool is an int to Python, and no number to whoever sends it
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # an int may be larger than any float, so it is never made one before its range is known
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        raise InvalidRule(path, "must be a number")
    if not least <= value <= most:
        raise InvalidRule(path, f"must lie in {least:g}–{most:g}")
    return float(value)


def _point(value: Any, path: str, most: float) -> Point:
    if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 - x and y
        raise InvalidRule(path, "must be a point [x, y]")
    x, y = (_number(each, path, -most, most) for each in value)
    return x, y


def _swatch_name(value: Any, swatches: Collection[str]) -> str:
    if not isinstance(value, str) or value not in swatches:
        raise InvalidRule("value", "must be the name of a swatch")
    return value


def _recolor(value: Any, _: _Options, swatches: Mapping[str, Swatch]) -> Rule:
    if isinstance(value, str) and value in swatches:
        return Recolor(swatches[value].colour)
    red, green, blue = parse_colour(_text(value), "value").tolist()
    return Recolor((red, green, blue))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidRule("value", "must be a colour written #RRGGBB or the name of a swatch")
    return value


def _tone(value: Any, options: _Options, _: Mapping[str, Swatch]) -> Rule:
    name = value if isinstance(value, str) else ""
    match = _MATCH.fullmatch(name)
    if match:
        return Match(int(match[1]), options.number("amount", 1.0, 0, 1))
    if name not in set(ToneChange):
        raise InvalidRule("value", f"must be match:<index> or one of {', '.join(ToneChange)}")
    return Tone(ToneChange(name), options.number("amount", 1.0, 0, 2))


def _texture(value: Any, options: _Options, swatches: Mapping[str, Swatch]) -> Rule:
    name = _swatch_name(value, swatches)
    plane = _plane(options)
    metres = None
    if options.has("metres"):
        if plane is None:
            raise InvalidRule("options.metres", "needs the plane, because it says how large it is")
        if options.has("share"):
            raise InvalidRule("options.share", "cannot stand beside metres")
        metres = options.number("metres", None, 0.01, 100)
    elif plane is not None and not options.has("share"):
        metres = swatches[name].metres
    return Texture(
        name,
        share=options.number("share", None, 0.01, 1) if options.has("share") else None,
        metres=metres,
        rotation=options.number("rotation", 0.0, -360, 360),
        offset=options.point("offset", (0.0, 0.0), 1000),
        plane=plane,
    )


def _plane(options: _Options) -> Plane | None:
    if not options.has("plane"):
        return None
    group = options.group("plane")
    plane = Plane(
        group.corners("corners"),
        group.number("width", None, 0.1, 1000),
        group.number("height", None, 0.1, 1000),
    )
    group.refuse_others()
    check_corners(plane.corners)
    return plane


def _background(value: Any, options: _Options, swatches: Mapping[str, Swatch]) -> Rule:
    text = _text(value)
    if text not in swatches:
        parse_colour(text, "value")
    return Background(
        text, options.number("share", 1.0, 0.01, 1), options.number("shadow", 0.0, 0, 1)
    )


def _remove_background(value: Any, _: _Options, __: Mapping[str, Swatch]) -> Rule:
    if value is not None:
        raise InvalidRule("value", "remove_background has no value")
    return RemoveBackground()


def _restyle(value: Any, options: _Options, _: Mapping[str, Swatch]) -> Rule:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRule("value", "must be the id of a style")
    return Restyle(value, options.number("strength", 0.6, 0.01, 1), _plane(options))


_PARSERS: dict[str, Callable[[Any, _Options, Mapping[str, Swatch]], Rule]] = {
    "recolor": _recolor,
    "tone": _tone,
    "texture": _texture,
    "background": _background,
    "remove_background": _remove_background,
    "restyle": _restyle,
}
