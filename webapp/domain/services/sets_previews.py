"""Previews of a rule on up to three photos: small, watermarked, free of charge, nothing changes.

Nobody keeps a preview: its file is named by no row, and is collected as garbage after a day.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import decoding_slots, sets_settings
from webapp.domain.db import UnitOfWork
from webapp.domain.decoding_slots import DecoderBusy
from webapp.domain.errors import FieldProblem, ServiceUnavailable, ValidationFailed
from webapp.domain.gateways.editor import Concepts, Editor, PreviewPart, Setting
from webapp.domain.gateways.storage import Storage
from webapp.domain.identifiers import object_key
from webapp.domain.images import ImageHeader
from webapp.domain.models.sets_instance import InstanceState, SetsInstance
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.services.sets_job_states import own, photos_of, refuse, wrong_state
from webapp.domain.services.sets_rules import preset_of
from webapp.domain.sets_presets import Action, Preset, Protection

MAX_ITEMS = 3
NOT_FOUND = "CONCEPT_NOT_FOUND"
SLOT_SECONDS = 10.0
RETRY_AFTER_SECONDS = 5
PREVIEWABLE = (
    SetsJobStatus.UPLOADED,
    SetsJobStatus.QUEUED,
    SetsJobStatus.RUNNING,
    SetsJobStatus.DONE,
    SetsJobStatus.FAILED,
)


@dataclass(frozen=True)
class PhotoWarning:
    """What a person should know of a photo: a concept that is not in it."""

    code: str
    concept: str


@dataclass(frozen=True)
class PhotoPreview:
    """One small photo after the rule, in storage under `key`."""

    idx: int
    key: str
    warnings: tuple[PhotoWarning, ...]


@dataclass(frozen=True)
class _Part:
    """An instance, its mask still in storage."""

    concept: str
    mask_key: str
    setting: Setting | None
    protection: Protection | None
    is_locked: bool


@dataclass(frozen=True)
class _Plan:
    """What the preview of one photo needs, read before the slow work begins."""

    idx: int
    photo_key: str
    header: ImageHeader
    parts: tuple[_Part, ...]


def preview(
    unit_of_work: UnitOfWork,
    storage: Storage,
    editor: Editor,
    *,
    account_id: int,
    job_id: str,
    items: Sequence[int],
    concepts: Concepts,
    protect: Sequence[str] | None,
) -> list[PhotoPreview]:
    """Apply a rule to the small copies of photos with the masks that they have now.

    Without `protect` the preset's own protection. Raises JobNotFound, AlreadyCanceled,
    InvalidTransition for a job whose photos are not there, ValidationFailed for an unknown photo
    or a setting that has no preview, and ServiceUnavailable while too many photos are decoded.
    """
    with unit_of_work() as session:
        plans, references = _plans(session, editor, account_id, job_id, items, concepts, protect)
    try:
        memory = max(decoding_slots.memory_needed(plan.header) for plan in plans)
        with decoding_slots.slot(-account_id, memory, SLOT_SECONDS):
            files = {index: storage.get(key) for index, key in references.items()}
            return [_made(storage, editor, plan, concepts, files) for plan in plans]
    except DecoderBusy as error:
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error


def _plans(
    session: Session,
    editor: Editor,
    account_id: int,
    job_id: str,
    items: Sequence[int],
    concepts: Concepts,
    protect: Sequence[str] | None,
) -> tuple[list[_Plan], dict[int, str]]:
    """Return what each photo needs, and the small copies of photos that rules match."""
    job = own(session, account_id, job_id)
    refuse(job, "preview", unless=PREVIEWABLE)
    preset = preset_of(job.preset_id)
    photos = {photo.idx: photo for photo in photos_of(session, job)}
    sets_settings.check_concepts(editor, preset, concepts, indexes=photos.keys())
    _refuse_restyles(concepts)
    shielded = preset.protected_by_default if protect is None else protect
    sets_settings.check_protect(preset, shielded, own=concepts.keys())
    sets_settings.check_indexes(items, photos.keys())
    wanted = [photos[idx] for idx in dict.fromkeys(items)]
    parts = _parts(session, preset, wanted, concepts, shielded)
    plans = [_plan(job, photo, parts[photo.id]) for photo in wanted]
    rules = [*concepts.values(), *(part.setting or {} for plan in plans for part in plan.parts)]
    matched = {sets_settings.reference_of(rule) for rule in rules} - {None}
    return plans, {idx: _small_key(job, photos[idx]) for idx in matched if idx is not None}


def _refuse_restyles(concepts: Concepts) -> None:
    problem = FieldProblem("Painting with a style has no preview.")
    fields = {
        f"concepts.{name}.action": [problem]
        for name, setting in concepts.items()
        if setting.get("action") == Action.RESTYLE
    }
    if fields:
        raise ValidationFailed(fields=fields)


def _parts(
    session: Session,
    preset: Preset,
    photos: Sequence[SetsPhoto],
    concepts: Concepts,
    protect: Collection[str],
) -> dict[int, tuple[_Part, ...]]:
    """Return the parts of each photo by its id, in the order of the settings."""
    order = {name: place for place, name in enumerate(concepts)}
    found: dict[int, list[tuple[tuple[int, str, int], _Part]]] = {photo.id: [] for photo in photos}
    instances = session.scalars(
        select(SetsInstance).where(
            SetsInstance.photo_id.in_(found), SetsInstance.state != InstanceState.EXCLUDE
        )
    )
    for each in instances:
        part = _part(preset, each, concepts, protect)
        if part.setting is None and part.protection is None and not part.is_locked:
            continue  # it changes nothing, so its mask need not be read
        place = (order.get(each.concept, len(order)), each.concept, each.number)
        found[each.photo_id].append((place, part))
    return {
        photo_id: tuple(part for _, part in sorted(parts, key=lambda pair: pair[0]))
        for photo_id, parts in found.items()
    }


def _part(
    preset: Preset, instance: SetsInstance, concepts: Concepts, protect: Collection[str]
) -> _Part:
    setting: Mapping[str, object] | None = instance.rule or concepts.get(instance.concept)
    if setting is not None and setting.get("action") == Action.RESTYLE:
        setting = None  # an instance's own restyle is left out of the preview
    is_locked = instance.state == InstanceState.LOCK
    protection = None
    if instance.concept in protect:
        is_known = sets_settings.is_known(preset, instance.concept)
        protection = preset.concept(instance.concept).protection if is_known else Protection.PIXELS
    return _Part(
        concept=instance.concept,
        mask_key=instance.mask_key,
        setting=None if is_locked or setting is None else sets_settings.as_rule(setting),
        protection=protection,
        is_locked=is_locked,
    )


def _plan(job: SetsJob, photo: SetsPhoto, parts: tuple[_Part, ...]) -> _Plan:
    key = _small_key(job, photo)
    header = ImageHeader("PNG", photo.width or 0, photo.height or 0, photo.sha256 or "", 0)
    return _Plan(photo.idx, key, header, parts)


def _small_key(job: SetsJob, photo: SetsPhoto) -> str:
    if photo.preview_key is None or photo.is_purged:
        error = wrong_state(job, "preview", PREVIEWABLE)
        error.details["unchecked"] = [photo.idx]
        raise error
    return photo.preview_key


def _made(
    storage: Storage,
    editor: Editor,
    plan: _Plan,
    concepts: Concepts,
    references: Mapping[int, bytes],
) -> PhotoPreview:
    parts = [
        PreviewPart(
            part.concept,
            storage.get(part.mask_key),
            part.setting,
            part.protection,
            part.is_locked,
        )
        for part in plan.parts
    ]
    picture = editor.preview(storage.get(plan.photo_key), parts, references)
    key = object_key("previews", "png")
    storage.put(key, picture.png, content_type="image/png")
    present = {part.concept for part in parts if part.setting is not None}
    missing = [name for name in concepts if name not in present or name in picture.not_found]
    warnings = tuple(PhotoWarning(NOT_FOUND, name) for name in missing)
    return PhotoPreview(plan.idx, key, warnings)
