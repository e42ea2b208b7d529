"""The settings of one photo of Sets, and the concepts whose masks they need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import sets_presets
from webapp.domain.models.documents import OverrideSettings, Setting
from webapp.domain.models.sets_instance import InstanceState, SetsInstance
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.sets_presets import Preset, UnknownConcept


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
        if photo.idx in (override.get("items") or ()) or photo.group in _group(override):
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


def concept_queries(job: SetsJob, photo: SetsPhoto) -> list[ConceptQuery]:
    """Return the concepts whose masks an edit of a photo needs: those with rules, then protected.

    Raises UnknownPreset.
    """
    preset = sets_presets.preset(job.preset_id)
    settings = settings_of(job, photo)
    names = dict.fromkeys([*settings, *job.protect])
    return [concept_query(preset, name, _prompt(settings, name)) for name in names]


def concept_query(preset: Preset, name: str, prompt: str | None = None) -> ConceptQuery:
    """Return the segmenter's query for a concept; a person's own prompt takes precedence.

    Without a prompt, the name of a concept that the preset does not have is the prompt.
    """
    try:
        concept = preset.concept(name)
    except UnknownConcept:
        return ConceptQuery(name, prompt or name, is_many=True)
    return ConceptQuery(name, prompt or concept.prompt, is_many=concept.is_many)


def _prompt(settings: Mapping[str, Setting], name: str) -> str | None:
    setting = settings.get(name)
    return None if setting is None else setting.get("prompt")


def _group(override: OverrideSettings) -> tuple[str, ...]:
    """Return the group of an override, if any; photos without a group match none."""
    group = override.get("group")
    return (group,) if group else ()
