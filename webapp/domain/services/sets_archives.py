"""The contents of an archive of Sets: photos, results and their descriptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import sets_presets
from webapp.domain.jobs import Lease
from webapp.domain.models.documents import Setting
from webapp.domain.models.sets_export import SetsExport
from webapp.domain.models.sets_instance import InstanceState, SetsInstance
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import sets_choices
from webapp.domain.sets_presets import Names, Preset, UnknownConcept

RESULT = Names(en="Result", ko="결과")
OTHER = Names(en="Other", ko="기타")
OTHER_ID = "other"
_COLOURED = frozenset({"recolor", "texture", "background"})


@dataclass(frozen=True)
class ArchiveColour:
    """A colour or material of a rule, with translated names; `swatch` is its image, if any."""

    concept: str
    name: str
    hex: str
    swatch: Path | None


@dataclass(frozen=True)
class ArchiveVariant:
    """One job of the album."""

    job: str
    name: str
    rule: str | None
    colours: tuple[ArchiveColour, ...]


@dataclass(frozen=True)
class ArchiveGroup:
    """A group of photos, and how many photos of it the template needs."""

    id: str
    name: str
    needed: int


@dataclass(frozen=True)
class ArchivePhoto:
    """A photo with the keys of its results and the colours in them, both by job."""

    idx: int
    group: str
    filename: str
    photo_key: str
    results: Mapping[str, str]
    colours: Mapping[str, tuple[ArchiveColour, ...]]


@dataclass(frozen=True)
class ArchiveInput:
    """The input of the archive step, read in one transaction."""

    export_id: int
    template: str
    preset_id: str
    title: str
    language: str
    made_at: datetime
    groups: tuple[ArchiveGroup, ...]
    variants: tuple[ArchiveVariant, ...]
    photos: tuple[ArchivePhoto, ...]


def archive_input(session: Session, lease: Lease) -> ArchiveInput:
    """Read the input of the archive step."""
    export = session.get_one(SetsExport, lease.ref)
    included = [session.get_one(SetsJob, job) for job in (export.job_id, *export.other_jobs)]
    preset, language = sets_presets.preset(included[0].preset_id), export.language
    template = preset.template(export.template)
    counts = {need.group: need.count for need in template.needs}
    groups = [
        ArchiveGroup(each.id, each.names.in_language(language), counts.get(each.id, 0))
        for each in preset.groups
    ]
    if OTHER_ID not in {group.id for group in groups}:
        groups.append(ArchiveGroup(OTHER_ID, OTHER.in_language(language), 0))
    photos = _photos(session, preset, included, language)
    return ArchiveInput(
        export_id=export.id,
        template=template.id,
        preset_id=preset.id,
        title=included[0].name or preset.names.in_language(language),
        language=language,
        made_at=export.created_at,
        groups=tuple(groups),
        variants=tuple(
            _variant(session, job, photos, language, number if len(included) > 1 else None)
            for number, job in enumerate(included, start=1)
        ),
        photos=photos,
    )


def _variant(
    session: Session,
    job: SetsJob,
    photos: Sequence[ArchivePhoto],
    language: str,
    number: int | None,
) -> ArchiveVariant:
    """Return a job with the colours of its results, each once."""
    rule = session.scalar(select(SetsRule.public_id).where(SetsRule.id == job.rule_id))
    default = RESULT.in_language(language)
    colours = (colour for photo in photos for colour in photo.colours.get(job.public_id, ()))
    return ArchiveVariant(
        job=job.public_id,
        name=job.name or (default if number is None else f"{default} {number}"),
        rule=rule,
        colours=tuple(dict.fromkeys(colours)),
    )


def _colours(
    preset: Preset, settings: Sequence[tuple[str, Setting]], language: str
) -> tuple[ArchiveColour, ...]:
    """Return the colours of (concept, setting), each once, in the preset's order."""
    order = {concept.name: number for number, concept in enumerate(preset.concepts)}
    colours = []
    for name, setting in sorted(settings, key=lambda each: order.get(each[0], len(order))):
        if setting["action"] not in _COLOURED:
            continue
        concept = _concept_name(preset, name, language)
        value = setting.get("value") or ""
        swatch = sets_presets.swatches().get(value)
        if swatch is None:
            colours.append(ArchiveColour(concept, value, value.upper(), None))
        else:
            colour = swatch.names.in_language(language)
            picture = swatch.path if swatch.metres is not None else None
            colours.append(ArchiveColour(concept, colour, swatch.colour, picture))
    return tuple(dict.fromkeys(colours))


def _applied(
    job: SetsJob, photo: SetsPhoto, instances: Sequence[SetsInstance]
) -> list[tuple[str, Setting]]:
    """Return the settings that changed a photo, as (concept, setting).

    Of a photo that was edited elsewhere no instances may be known; then they are those of the job.
    """
    settings = sets_choices.settings_of(job, photo)
    missing = {warning["concept"] for warning in photo.warnings}
    rules = ((each.concept, each.rule or settings.get(each.concept)) for each in instances)
    applied = [(name, rule) for name, rule in rules if rule is not None and name not in missing]
    return applied or [each for each in settings.items() if each[0] not in missing]


def _photos(
    session: Session, preset: Preset, included: list[SetsJob], language: str
) -> tuple[ArchivePhoto, ...]:
    """Return the photos of the first job that were decoded, with the results of every job."""
    rows = session.scalars(
        select(SetsPhoto)
        .where(SetsPhoto.job_id.in_([job.id for job in included]))
        .order_by(SetsPhoto.position, SetsPhoto.idx)
    ).all()
    instances = _included_instances(session, [row.id for row in rows])
    known_groups = {group.id for group in preset.groups}
    photos = []
    for photo in (row for row in rows if row.job_id == included[0].id and row.photo_key):
        results = {
            job.public_id: (job, row)
            for job in included
            for row in rows
            if row.job_id == job.id and row.idx == photo.idx and row.result_key
        }
        photos.append(
            ArchivePhoto(
                idx=photo.idx,
                group=photo.group if photo.group in known_groups else OTHER_ID,
                filename=photo.filename,
                photo_key=photo.photo_key or "",
                results={name: row.result_key or "" for name, (_, row) in results.items()},
                colours={
                    name: _colours(preset, _applied(job, row, instances.get(row.id, [])), language)
                    for name, (job, row) in results.items()
                },
            )
        )
    return tuple(photos)


def _included_instances(
    session: Session, photo_ids: Sequence[int]
) -> dict[int, list[SetsInstance]]:
    """Return the instances that rules apply to, by photo id, in the order of their numbers."""
    by_photo: dict[int, list[SetsInstance]] = {}
    included = (
        select(SetsInstance)
        .where(SetsInstance.photo_id.in_(photo_ids), SetsInstance.state == InstanceState.INCLUDE)
        .order_by(SetsInstance.concept, SetsInstance.number)
    )
    for instance in session.scalars(included):
        by_photo.setdefault(instance.photo_id, []).append(instance)
    return by_photo


def _concept_name(preset: Preset, name: str, language: str) -> str:
    """Return the translated name of a concept; a person's own concept keeps its name."""
    try:
        return preset.concept(name).names.in_language(language)
    except UnknownConcept:
        return name
