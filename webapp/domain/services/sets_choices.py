"""What a person chose for one photo of Sets: its settings, and concepts whose masks they need."""

from dataclasses import dataclass
from typing import Any

from webapp.domain import sets_presets
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.sets_presets import Preset, UnknownConcept


@dataclass(frozen=True)
class ConceptQuery:
    """What the segmenter is asked for: the preset's concept, or a name with a person's words."""

    name: str
    prompt: str
    is_many: bool = False


def settings_of(job: SetsJob, photo: SetsPhoto) -> dict[str, dict[str, Any]]:
    """Return the setting of each concept in a photo: the job's, changed by its overrides in order.

    A setting is `{action, value, options, prompt}`, as it was checked when the job was executed.
    """
    settings: dict[str, dict[str, Any]] = dict(job.concepts)
    for override in job.overrides:
        if photo.idx in (override.get("items") or ()) or photo.group in _group(override):
            settings |= override["concepts"]
    return settings


def concept_queries(job: SetsJob, photo: SetsPhoto) -> list[ConceptQuery]:
    """Return the concepts whose masks an edit of a photo needs: those with rules, then protected.

    Raises UnknownPreset.
    """
    preset = sets_presets.preset(job.preset_id)
    settings = settings_of(job, photo)
    names = dict.fromkeys([*settings, *job.protect])
    return [concept_query(preset, name, settings.get(name, {}).get("prompt")) for name in names]


def concept_query(preset: Preset, name: str, prompt: str | None = None) -> ConceptQuery:
    """Return what the segmenter is asked for under a name; a person's own words go before ours.

    A name that the preset does not know is its own prompt.
    """
    try:
        known = preset.concept(name)
    except UnknownConcept:
        return ConceptQuery(name, prompt or name, is_many=True)
    return ConceptQuery(name, prompt or known.prompt, is_many=known.is_many)


def _group(override: dict[str, Any]) -> tuple[str, ...]:
    """Return the group an override is for, if any; photos without a group are in none."""
    group = override.get("group")
    return (group,) if group else ()
