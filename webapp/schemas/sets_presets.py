"""Answers about presets of Sets, in the reader's language."""

from typing import Annotated

from pydantic import Field

from webapp.domain.sets_presets import Action, Plan, Protection
from webapp.schemas.fields import Answer, Count, Url

PresetId = Annotated[str, Field(examples=["interior"])]
ConceptName = Annotated[str, Field(examples=["Wall"])]
Shown = Annotated[str, Field(examples=["Wall"], description="in the reader's language")]


class PresetView(Answer):
    """One preset of the list."""

    id: PresetId
    name: Shown
    description: str = Field(examples=["Rooms: walls, floors and tiles in other materials."])
    concept_count: Count


class ConceptView(Answer):
    """A part of a scene that rules name; `is_many`: a photo may hold several."""

    name: ConceptName
    label: Shown
    is_many: bool = Field(examples=[False])
    protection: Protection
    is_protected: bool = Field(examples=[False])


class GroupView(Answer):
    """What photos of an album have in common."""

    id: str = Field(examples=["bathroom"])
    name: Shown


class SwatchView(Answer):
    """A colour or material of the palette; `metres` is the real width of one repeat."""

    name: str = Field(examples=["oak_a"])
    label: Shown
    colour: str = Field(pattern="^#[0-9A-F]{6}$", examples=["#C8A675"])
    metres: float | None = Field(examples=[1.2])
    licence: str = Field(examples=["CC0-1.0"])
    image_url: Url


class TemplateNeed(Answer):
    """How many photos of a group a template wants."""

    group: str = Field(examples=["main"])
    count: Count


class TemplateView(Answer):
    """How results are laid out in an archive; `plan` is the least plan that may use it."""

    id: str = Field(examples=["before_after"])
    name: Shown
    description: str = Field(examples=["Each photo beside its result."])
    plan: Plan
    needs: list[TemplateNeed]
    most_jobs: Count = Field(description="jobs of one archive", examples=[8])


class PresetDetail(PresetView):
    """GET /sets/presets/:id."""

    concepts: list[ConceptView]
    protect_defaults: list[ConceptName]
    actions: list[Action]
    palette: list[SwatchView]
    groups: list[GroupView]
    output_templates: list[TemplateView]
