"""The settings of one photo of Sets, and the concepts whose masks they need."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import sets_presets
from webapp.domain.models.documents import OverrideSettings, Setting
from webapp.domain.models.sets_instance import InstanceState, SetsInstance
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.sets_presets import Preset, UnknownConcept
from webapp.domain.sets_settings import is_known


@dataclass(frozen=True)
class ConceptQuery:
    """The segmenter's query: a concept of the preset, or a person's own name and description."""

    name: str
    prompt: str
    is_many: bool = False


def settings_of(job: SetsJob, photo: SetsPhoto) -> dict[str, Setting]:
    """Return the setting of each concept in a photo: the job's, updated by its overrides in order.

    A setting is `{action, value, options, prompt}`, as it was checked when the job was executed.
    """
    settings = dict(job.concepts)
    for override in job.overrides:
        if photo.idx in (override.get("items") or ()) or _is_member(photo, override):
            settings |= override["concepts"]
    return settings


def own_rules(session: Session, photos: Sequence[SetsPhoto]) -> list[tuple[str, str, Setting]]:
    """Return the own rules of the included instances of photos: (path, concept, setting).

    The path names the instance by its public id.
    """
    instances = session.scalars(
        select(SetsInstance)
        .where(
            SetsInstance.photo_id.in_([photo.id for photo in photos]),
            SetsInstance.state == InstanceState.INCLUDE,
            SetsInstance.rule.is_not(None),
        )
        .order_by(SetsInstance.id)
    )
    return [
        (f"instances.{each.public_id}.rule", each.concept, each.rule)
        for each in instances
        if each.rule is not None
    ]


def concepts_with_instances(session: Session, photos: Sequence[SetsPhoto]) -> set[str]:
    """Return the concepts that have an instance in any of these photos."""
    ids = [photo.id for photo in photos]
    names = select(SetsInstance.concept).where(SetsInstance.photo_id.in_(ids)).distinct()
    return set(session.scalars(names))


def concept_queries(job: SetsJob, photo: SetsPhoto) -> list[ConceptQuery]:
    """Return the concepts whose masks an edit of a photo needs: those with rules, then protected.

    A protected concept in a person's own words that no rule describes is not searched: it has the
    instances that the person chose. Raises UnknownPreset.
    """
    preset = sets_presets.preset(job.preset_id)
    prompts = _prompts(job, photo)
    names = dict.fromkeys([*settings_of(job, photo), *job.protect])
    return [
        concept_query(preset, name, prompts.get(name))
        for name in names
        if name in prompts or is_known(preset, name)
    ]


def concept_query(preset: Preset, name: str, prompt: str | None = None) -> ConceptQuery:
    """Return the segmenter's query for a concept; a person's own prompt takes precedence.

    Without a prompt, the name of a concept that the preset does not have is the prompt.
    """
    try:
        concept = preset.concept(name)
    except UnknownConcept:
        return ConceptQuery(name, prompt or name, is_many=True)
    return ConceptQuery(name, prompt or concept.prompt, is_many=concept.is_many)


def _prompts(job: SetsJob, photo: SetsPhoto) -> dict[str, str]:
    """Return the prompts of a person's own concepts; those for this photo take precedence."""
    every = [*(override["concepts"] for override in job.overrides), settings_of(job, photo)]
    return {
        name: prompt
        for settings in every
        for name, setting in settings.items()
        if (prompt := setting.get("prompt")) is not None
    }


def _is_member(photo: SetsPhoto, override: OverrideSettings) -> bool:
    """Tell whether a photo was in the group of an override when its job was executed."""
    members = override.get("members")
    if members is None:  # executed by an earlier version
        return bool(photo.group) and photo.group == override.get("group")
    return photo.idx in members
