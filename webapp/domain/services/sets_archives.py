"""What an archive of Sets is made of: photos, results, and the words about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import sets_presets
from webapp.domain.jobs import Lease
from webapp.domain.models.sets_export import SetsExport
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
    """A colour or material of a rule, in a person's words; `swatch` is its picture, if any."""

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
    """A group of photos, and how many of it the template wants."""

    id: str
    name: str
    wanted: int


@dataclass(frozen=True)
class ArchivePhoto:
    """A photo with the keys of its results and its colours, both by job.

    `absent` are concepts in a person's words.
    """

    idx: int
    group: str
    filename: str
    photo_key: str
    results: Mapping[str, str]
    colours: Mapping[str, tuple[ArchiveColour, ...]]
    absent: frozenset[str]


@dataclass(frozen=True)
class ArchiveWork:
    """Everything an archive needs, copied out of the database."""

    export_id: int
    template: str
    preset_id: str
    title: str
    language: str
    made_at: datetime
    groups: tuple[ArchiveGroup, ...]
    variants: tuple[ArchiveVariant, ...]
    photos: tuple[ArchivePhoto, ...]


def archive_work(session: Session, lease: Lease) -> ArchiveWork:
    """Copy out what an archive needs."""
    export = session.get_one(SetsExport, lease.ref)
    included = [session.get_one(SetsJob, job) for job in (export.job_id, *export.other_jobs)]
    preset, language = sets_presets.preset(included[0].preset_id), export.language
    template = preset.template(export.template)
    wanted = {need.group: need.count for need in template.needs}
    groups = [
        ArchiveGroup(each.id, each.names.in_language(language), wanted.get(each.id, 0))
        for each in preset.groups
    ]
    if OTHER_ID not in {group.id for group in groups}:
        groups.append(ArchiveGroup(OTHER_ID, OTHER.in_language(language), 0))
    return ArchiveWork(
        export_id=export.id,
        template=template.id,
        preset_id=preset.id,
        title=included[0].name or preset.names.in_language(language),
        language=language,
        made_at=export.created_at,
        groups=tuple(groups),
        variants=tuple(
            _variant(session, preset, job, language, number if len(included) > 1 else None)
            for number, job in enumerate(included, start=1)
        ),
        photos=_photos(session, preset, included, language),
    )


def _variant(
    session: Session, preset: Preset, job: SetsJob, language: str, number: int | None
) -> ArchiveVariant:
    rule = session.scalar(select(SetsRule.public_id).where(SetsRule.id == job.rule_id))
    default = RESULT.in_language(language)
    return ArchiveVariant(
        job=job.public_id,
        name=job.name or (default if number is None else f"{default} {number}"),
        rule=rule,
        colours=_every_colour(preset, job, language),
    )


def _every_colour(preset: Preset, job: SetsJob, language: str) -> tuple[ArchiveColour, ...]:
    """Return the colours of a job's rule and of its overrides, each once."""
    found = list(_colours(preset, job.concepts, language))
    for override in job.overrides:
        found += _colours(preset, override["concepts"], language)
    return tuple(dict.fromkeys(found))


def _colours(
    preset: Preset, settings: Mapping[str, Mapping[str, Any]], language: str
) -> tuple[ArchiveColour, ...]:
    """Return the colours of settings, in the order of the preset's concepts."""
    order = [concept.name for concept in preset.concepts]
    names = sorted(settings, key=lambda name: (name not in order, (*order, name).index(name)))
    found = []
    for name in names:
        setting = settings[name]
        if setting["action"] not in _COLOURED:
            continue
        words = _concept_words(preset, name, language)
        swatch = sets_presets.swatches().get(setting["value"])
        if swatch is None:
            found.append(ArchiveColour(words, setting["value"], setting["value"].upper(), None))
        else:
            word = swatch.names.in_language(language)
            picture = swatch.path if swatch.metres is not None else None
            found.append(ArchiveColour(words, word, swatch.colour, picture))
    return tuple(found)


def _photos(
    session: Session, preset: Preset, included: list[SetsJob], language: str
) -> tuple[ArchivePhoto, ...]:
    """Return the photos of the first job that were decoded, with the results of every job."""
    rows = session.scalars(
        select(SetsPhoto)
        .where(SetsPhoto.job_id.in_([job.id for job in included]))
        .order_by(SetsPhoto.position, SetsPhoto.idx)
    ).all()
    known = {group.id for group in preset.groups}
    made = []
    for photo in (row for row in rows if row.job_id == included[0].id and row.photo_key):
        results = {
            job.public_id: row.result_key
            for job in included
            for row in rows
            if row.job_id == job.id and row.idx == photo.idx and row.result_key
        }
        missing = [warning["concept"] for warning in photo.warnings]
        made.append(
            ArchivePhoto(
                idx=photo.idx,
                group=photo.group if photo.group in known else OTHER_ID,
                filename=photo.filename,
                photo_key=photo.photo_key or "",
                results=results,
                colours={
                    job.public_id: _colours(preset, sets_choices.settings_of(job, photo), language)
                    for job in included
                },
                absent=frozenset(_concept_words(preset, name, language) for name in missing),
            )
        )
    return tuple(made)


def _concept_words(preset: Preset, name: str, language: str) -> str:
    """Return the word for a concept; a person's own name as it is."""
    try:
        return preset.concept(name).names.in_language(language)
    except UnknownConcept:
        return name
