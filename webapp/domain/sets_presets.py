"""The presets of Sets: concepts, actions, palettes, groups and output templates, read from TOML.

The files are `presets/*.toml` and `presets/swatches`; each process reads them once. Every text that
people read has an English and a Korean version here.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

_FOLDER = Path(__file__).parent / "presets"
_SWATCHES = _FOLDER / "swatches"
_ORDER = ("interior", "seller")
MOST_JOBS = 8
"""Jobs of one archive, `gpu.layouts.album.MAX_VARIANTS`."""

_STRICT = ConfigDict(extra="forbid")
_Word = Annotated[str, Field(min_length=1)]


class UnknownPreset(LookupError):
    """No preset has this id."""

    def __init__(self, preset_id: str) -> None:
        super().__init__(f"no preset {preset_id!r}")
        self.preset_id = preset_id


class UnknownConcept(LookupError):
    """The preset has no concept with this name."""

    def __init__(self, preset_id: str, name: str) -> None:
        super().__init__(f"preset {preset_id} has no concept {name!r}")
        self.preset_id, self.name = preset_id, name


class UnknownTemplate(LookupError):
    """The preset has no output template with this id."""

    def __init__(self, preset_id: str, template_id: str) -> None:
        super().__init__(f"preset {preset_id} has no template {template_id!r}")
        self.preset_id, self.template_id = preset_id, template_id


class UnknownGroup(LookupError):
    """The preset has no group of photos with this id."""

    def __init__(self, preset_id: str, group_id: str) -> None:
        super().__init__(f"preset {preset_id} has no group {group_id!r}")
        self.preset_id, self.group_id = preset_id, group_id


class InvalidPreset(ValueError):
    """A preset file is inconsistent with itself or with the swatches."""


class Action(StrEnum):
    """What a rule may do with a concept."""

    RECOLOR = "recolor"
    TONE = "tone"
    TEXTURE = "texture"
    BACKGROUND = "background"
    REMOVE_BACKGROUND = "remove_background"
    RESTYLE = "restyle"


class Plan(StrEnum):
    """Plans of Sets; `pro` includes `free`."""

    FREE = "free"
    PRO = "pro"


class Protection(StrEnum):
    """How a protected concept is protected: all its pixels stay, or only its highlights stay.

    The values are those of `gpu.rules.regions.Protection`.
    """

    PIXELS = "pixels"
    LIGHT = "light"


@dataclass(frozen=True, config=_STRICT)
class Names:
    """One text in the languages of the site."""

    en: _Word
    ko: _Word

    def in_language(self, language: str) -> str:
        """Return the text for a locale such as "ko" or "ko_KR"; English for any other."""
        return self.ko if language.startswith("ko") else self.en


@dataclass(frozen=True, config=_STRICT)
class Concept:
    """A part of a scene that rules name.

    `prompt` is its description in English for a segmenter, at most 32 words. `is_many`: a photo may
    hold several. `protection` says how it is protected, `is_protected` whether it is by default.
    """

    name: _Word
    prompt: _Word
    names: Names
    is_many: bool = False
    protection: Protection = Protection.PIXELS
    is_protected: bool = False


@dataclass(frozen=True, config=_STRICT)
class Group:
    """A group of photos of an album: a kind of room, or a kind of product shot.

    A file name with one of `words` suggests the group; English words in lower case.
    """

    id: _Word
    names: Names
    words: tuple[_Word, ...] = ()


@dataclass(frozen=True, config=_STRICT)
class GroupNeed:
    """How many photos of a group a template needs."""

    group: _Word
    count: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=_STRICT)
class Template:
    """How results are laid out in an archive.

    `aliases` are older ids. `needs` is empty if photos of any group can be used. `most_jobs` is how
    many jobs of one album it shows.
    """

    id: _Word
    names: Names
    description: Names
    plan: Plan
    aliases: tuple[str, ...] = ()
    needs: tuple[GroupNeed, ...] = ()
    most_jobs: Annotated[int, Field(ge=1, le=MOST_JOBS)] = MOST_JOBS


@dataclass(frozen=True, config=_STRICT)
class Preset:
    """A domain of Sets. `palette` holds names of swatches; the first template is free."""

    id: _Word
    names: Names
    description: Names
    actions: tuple[Action, ...]
    palette: tuple[str, ...]
    concepts: tuple[Concept, ...]
    groups: tuple[Group, ...]
    templates: tuple[Template, ...]

    @property
    def protected_by_default(self) -> tuple[str, ...]:
        """Names of the concepts that are protected unless a person chooses others."""
        return tuple(each.name for each in self.concepts if each.is_protected)

    def concept(self, name: str) -> Concept:
        """Return a concept. Raises UnknownConcept."""
        for each in self.concepts:
            if each.name == name:
                return each
        raise UnknownConcept(self.id, name)

    def group(self, group_id: str) -> Group:
        """Return a group of photos. Raises UnknownGroup."""
        for each in self.groups:
            if each.id == group_id:
                return each
        raise UnknownGroup(self.id, group_id)

    def template(self, template_id: str) -> Template:
        """Return a template by its id or one of its aliases. Raises UnknownTemplate."""
        for each in self.templates:
            if template_id == each.id or template_id in each.aliases:
                return each
        raise UnknownTemplate(self.id, template_id)


@dataclass(frozen=True, config=_STRICT)
class SwatchFile:
    """A colour or material on disk.

    `colour` is its median colour, `#RRGGBB`. `metres` is the real width of one repeat, None for
    plain paint. The image at `path` is an sRGB PNG that tiles without a seam.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    names: Names
    colour: Annotated[str, Field(pattern=r"^#[0-9A-F]{6}$")]
    licence: _Word
    metres: Annotated[float, Field(gt=0)] | None = None

    @property
    def path(self) -> Path:
        """The PNG."""
        return _SWATCHES / f"{self.name}.png"


@cache
def presets() -> tuple[Preset, ...]:
    """Return all presets, in their fixed order. Raises InvalidPreset for inconsistent files."""
    read = tuple(TypeAdapter(Preset).validate_python(_read(f"{each}.toml")) for each in _ORDER)
    for preset_ in read:
        check(preset_, swatches())
    return read


def preset(preset_id: str) -> Preset:
    """Return a preset. Raises UnknownPreset."""
    for each in presets():
        if each.id == preset_id:
            return each
    raise UnknownPreset(preset_id)


def concept_names() -> set[str]:
    """Return the names of the concepts of all presets."""
    return {concept.name for each in presets() for concept in each.concepts}


def is_concept(name: str) -> bool:
    """Tell whether any preset has a concept of this name."""
    return name in concept_names()


@cache
def swatches() -> Mapping[str, SwatchFile]:
    """Return the swatches of all palettes by name. Raises InvalidPreset for a missing image."""
    files = TypeAdapter(tuple[SwatchFile, ...]).validate_python(
        _read("swatches/swatches.toml")["swatches"]
    )
    _check_unique("swatch", [file.name for file in files])
    for file in files:
        if not file.path.is_file():
            raise InvalidPreset(f"swatch {file.name} has no picture")
    return MappingProxyType({file.name: file for file in files})


def palette(preset_: Preset) -> tuple[SwatchFile, ...]:
    """Return the swatches of a preset's palette, in its order."""
    return tuple(swatches()[name] for name in preset_.palette)


def check(preset_: Preset, swatch_files: Mapping[str, SwatchFile]) -> None:
    """Raise InvalidPreset for a duplicate name, and for the name of an unknown group or swatch."""
    _check_unique("concept", [each.name for each in preset_.concepts])
    _check_unique("group", [each.id for each in preset_.groups])
    _check_unique("word of a group", [word for each in preset_.groups for word in each.words])
    _check_unique("swatch", preset_.palette)
    ids = [name for each in preset_.templates for name in (each.id, *each.aliases)]
    _check_unique("template", ids)
    groups = {each.id for each in preset_.groups}
    needed = {need.group for each in preset_.templates for need in each.needs}
    for kind, missing in (
        ("group", needed - groups),
        ("swatch", set(preset_.palette) - swatch_files.keys()),
    ):
        if missing:
            raise InvalidPreset(f"preset {preset_.id} names unknown {kind}s {sorted(missing)}")
    if not preset_.templates or preset_.templates[0].plan is not Plan.FREE:
        raise InvalidPreset(f"the first template of preset {preset_.id} must be free")


def _check_unique(kind: str, names: list[str] | tuple[str, ...]) -> None:
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise InvalidPreset(f"each {kind} needs a name of its own: {duplicates}")


def _read(name: str) -> Mapping[str, object]:
    return tomllib.loads((_FOLDER / name).read_text(encoding="utf-8"))
