"""Previews of a rule on up to three photos: small, watermarked and free; they change nothing.

A preview is not stored in the database: garbage collection deletes its file after a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import decoding_slots, sets_settings
from webapp.domain.db import UnitOfWork
from webapp.domain.decoding_slots import DecoderBusy
from webapp.domain.errors import FieldProblem, ServiceUnavailable, ValidationFailed
from webapp.domain.gateways.editor import Concepts, Editor, PreviewPart
from webapp.domain.gateways.storage import ObjectMissing, Storage
from webapp.domain.identifiers import object_key
from webapp.domain.models.sets_instance import SetsInstance
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.services import sets_choices, sets_edits, sets_references
from webapp.domain.services.sets_edits import NOT_FOUND, EditPart
from webapp.domain.services.sets_job_states import get_job, photos_of, refuse, wrong_state
from webapp.domain.services.sets_rules import preset_of
from webapp.domain.sets_presets import Action

MAX_ITEMS = 3
SLOT_SECONDS = 10.0
RETRY_AFTER_SECONDS = 5
PREVIEW_SIDE = 1024
# Bytes per pixel, measured with 1 to 60 parts of photos of 1 and 48 megapixels.
EDIT_BYTES, PART_BYTES, MASK_BYTES = 45, 5, 2
PREVIEWABLE = (
    SetsJobStatus.UPLOADED,
    SetsJobStatus.QUEUED,
    SetsJobStatus.RUNNING,
    SetsJobStatus.DONE,
    SetsJobStatus.FAILED,
)


@dataclass(frozen=True)
class PhotoWarning:
    """A warning about a photo: a concept that it does not show."""

    code: str
    concept: str


@dataclass(frozen=True)
class PhotoPreview:
    """One small photo with the rule applied, in storage under `key`."""

    idx: int
    key: str
    warnings: tuple[PhotoWarning, ...]


@dataclass(frozen=True)
class _Plan:
    """The input of the preview of one photo, read in the transaction before it is rendered."""

    idx: int
    photo_key: str
    memory: int
    parts: tuple[EditPart, ...]
    missing: tuple[str, ...]


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
    """Apply a rule to the small copies of photos with their current masks.

    Without `protect` the preset's own protection applies. Raises JobNotFound, AlreadyCanceled,
    InvalidTransition for a job whose photos are not stored, ValidationFailed for an unknown photo,
    also one that a rule matches, for a setting that has no preview or no setting at all, and
    ServiceUnavailable if all decoding slots are busy.
    """
    with unit_of_work() as session:
        plans, references = _plans(session, editor, account_id, job_id, items, concepts, protect)
    try:
        memory = max(plan.memory for plan in plans)
        with decoding_slots.slot(-account_id, memory, SLOT_SECONDS):
            files = {index: storage.get(key) for index, key in references.items()}
            return [_rendered(storage, editor, plan, files) for plan in plans]
    except (DecoderBusy, ObjectMissing) as error:  # ObjectMissing: purged meanwhile
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
    """Return the input of each photo, and the keys of small copies that rules match, by index."""
    job = get_job(session, account_id, job_id)
    refuse(job, "preview", unless=PREVIEWABLE)
    preset = preset_of(job.preset_id)
    photos = {photo.idx: photo for photo in photos_of(session, job)}
    sets_settings.check_concepts(editor, preset, concepts, indexes=photos.keys())
    _refuse_restyles(concepts)
    protected = preset.protected_by_default if protect is None else protect
    clicked = sets_choices.concepts_with_instances(session, list(photos.values()))
    sets_settings.check_protect(preset, protected, own={*concepts, *clicked})
    sets_settings.check_indexes(items, photos.keys())
    chosen = [photos[idx] for idx in dict.fromkeys(items)]
    settings = list(sets_settings.all_settings(concepts, [], path=""))
    settings += sets_choices.own_rules(session, chosen)
    if not settings:
        raise ValidationFailed(fields={"concepts": [sets_settings.REQUIRED]})
    matched = sets_references.check(job, "preview", list(photos.values()), settings)
    instances = _instances(session, chosen)
    plans = []
    for photo in chosen:
        of_photo = instances.get(photo.id, [])
        parts = _without_restyles(sets_edits.parts(preset, of_photo, concepts, protected))
        # Not the default protection: its concepts may not have been searched yet.
        missing = sets_edits.missing(of_photo, [*concepts, *(protect or ())])
        plans.append(_plan(job, photo, parts, missing))
    return plans, {idx: _small_key(job, photo) for idx, photo in matched.items()}


def _refuse_restyles(concepts: Concepts) -> None:
    problem = FieldProblem("A licensed style has no preview.")
    fields = {
        f"concepts.{name}.action": [problem]
        for name, setting in concepts.items()
        if setting.get("action") == Action.RESTYLE
    }
    if fields:
        raise ValidationFailed(fields=fields)


def _instances(session: Session, photos: Sequence[SetsPhoto]) -> dict[int, list[SetsInstance]]:
    """Return the instances of photos by photo id."""
    by_photo: dict[int, list[SetsInstance]] = {}
    ids = [photo.id for photo in photos]
    for instance in session.scalars(select(SetsInstance).where(SetsInstance.photo_id.in_(ids))):
        by_photo.setdefault(instance.photo_id, []).append(instance)
    return by_photo


def _without_restyles(parts: Sequence[EditPart]) -> tuple[EditPart, ...]:
    """Return the parts without the rules that paint with a style."""
    return tuple(
        replace(part, setting=None)
        if part.setting is not None and part.setting.get("action") == Action.RESTYLE
        else part
        for part in parts
    )


def _plan(
    job: SetsJob, photo: SetsPhoto, parts: tuple[EditPart, ...], missing: tuple[str, ...]
) -> _Plan:
    key = _small_key(job, photo)
    memory = memory_needed(photo.width or 1, photo.height or 1, len(parts))
    return _Plan(photo.idx, key, memory, parts, missing)


def memory_needed(width: int, height: int, parts: int) -> int:
    """Return how many bytes the preview of a photo of this size in pixels needs at most.

    The small copy is edited with all its parts; of the masks, in the size of the photo, one is
    decoded at a time.
    """
    pixels = width * height
    small_pixels = round(pixels * min(1.0, PREVIEW_SIDE / max(width, height)) ** 2)
    edit_bytes = small_pixels * (EDIT_BYTES + parts * PART_BYTES)
    return decoding_slots.START_BYTES + edit_bytes + pixels * MASK_BYTES


def _small_key(job: SetsJob, photo: SetsPhoto) -> str:
    if photo.preview_key is None or photo.is_purged:
        error = wrong_state(job, "preview", PREVIEWABLE)
        error.details["unchecked"] = [photo.idx]
        raise error
    return photo.preview_key


def _rendered(
    storage: Storage,
    editor: Editor,
    plan: _Plan,
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
    missing = dict.fromkeys([*plan.missing, *picture.not_found])
    warnings = tuple(PhotoWarning(NOT_FOUND, name) for name in missing)
    return PhotoPreview(plan.idx, key, warnings)
