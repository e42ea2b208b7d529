"""The presets as the scripts of /sets get them, with names in the language of the page."""

from dataclasses import dataclass

from flask import url_for

from webapp.domain import sets_presets
from webapp.domain.sets_presets import Concept, Preset, SwatchFile, Template

SWATCHES = "sets/swatches"


@dataclass(frozen=True, slots=True)
class SwatchData:
    """A swatch; `picture` is the URL of a textured one."""

    name: str
    title: str
    colour: str
    metres: float | None
    picture: str | None


@dataclass(frozen=True, slots=True)
class ConceptData:
    """A concept of a preset, as in `webapp.domain.sets_presets`."""

    name: str
    title: str
    prompt: str
    is_many: bool
    protection: str
    is_protected: bool


@dataclass(frozen=True, slots=True)
class GroupData:
    """A group of photos."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class TemplateData:
    """An output template, the plan it needs, and how many jobs it shows."""

    id: str
    title: str
    description: str
    plan: str
    most_jobs: int


@dataclass(frozen=True, slots=True)
class PresetData:
    """A preset."""

    id: str
    title: str
    description: str
    actions: list[str]
    palette: list[SwatchData]
    concepts: list[ConceptData]
    groups: list[GroupData]
    templates: list[TemplateData]


def presets(language: str) -> list[PresetData]:
    """Return all presets in a language of the site."""
    return [_preset(preset, language) for preset in sets_presets.presets()]


def _preset(preset: Preset, language: str) -> PresetData:
    return PresetData(
        id=preset.id,
        title=preset.names.in_language(language),
        description=preset.description.in_language(language),
        actions=list(preset.actions),
        palette=[_swatch(swatch, language) for swatch in sets_presets.palette(preset)],
        concepts=[_concept(concept, language) for concept in preset.concepts],
        groups=[GroupData(group.id, group.names.in_language(language)) for group in preset.groups],
        templates=[_template(template, language) for template in preset.templates],
    )


def _swatch(swatch: SwatchFile, language: str) -> SwatchData:
    is_textured = swatch.metres is not None
    picture = f"{SWATCHES}/{swatch.name}.webp"
    return SwatchData(
        name=swatch.name,
        title=swatch.names.in_language(language),
        colour=swatch.colour,
        metres=swatch.metres,
        picture=url_for("static", filename=picture) if is_textured else None,
    )


def _concept(concept: Concept, language: str) -> ConceptData:
    return ConceptData(
        name=concept.name,
        title=concept.names.in_language(language),
        prompt=concept.prompt,
        is_many=concept.is_many,
        protection=concept.protection,
        is_protected=concept.is_protected,
    )


def _template(template: Template, language: str) -> TemplateData:
    return TemplateData(
        id=template.id,
        title=template.names.in_language(language),
        description=template.description.in_language(language),
        plan=template.plan,
        most_jobs=template.most_jobs,
    )
