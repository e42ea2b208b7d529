"""The edit of a photo of Sets: its parts with their rules, its result, and its delivery.

An edit is one reserved credit. It ends as delivered or returned, in the transaction that also ends
the photo and, with the last photo, the job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain import jobs, pipelines, sets_presets
from webapp.domain.jobs import Lease
from webapp.domain.models.documents import EditedFiles, Setting
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.sets_instance import InstanceSource, InstanceState, SetsInstance
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsEdit, SetsPhoto
from webapp.domain.services import (
    sets_choices,
    sets_credits,
    sets_masks,
    sets_photos,
    sets_restyle_checks,
    sets_restyles,
)
from webapp.domain.services.sets_restyles import CanvasStatus, Painting
from webapp.domain.sets_presets import Preset, Protection, UnknownConcept

NOT_FOUND = "CONCEPT_NOT_FOUND"


@dataclass(frozen=True)
class EditPart:
    """An instance as part of an edit; the fields are those of `gpu.rules.regions.Part`.

    `setting` is `{action, value, options}`, None if no rule applies.
    """

    instance_id: int
    concept: str
    number: int
    mask_key: str
    setting: Setting | None
    protection: Protection | None
    is_locked: bool


@dataclass(frozen=True)
class EditInput:
    """Everything that the rules need of one photo, read in one transaction.

    `references` are the previews of the album's photos that a rule may match, by index. `missing`
    are concepts with a rule or a protection that have no instance in the photo. `paintings` is
    empty until all canvases of the edit are painted.
    """

    edit_id: int
    photo_key: str
    preset_id: str
    parts: tuple[EditPart, ...]
    references: Mapping[int, str]
    missing: tuple[str, ...]
    has_watermark: bool
    canvas_status: CanvasStatus
    paintings: tuple[Painting, ...]

    @property
    def has_restyles(self) -> bool:
        """Whether any rule paints with a style."""
        return any(sets_restyle_checks.is_restyle(part.setting) for part in self.parts)


@dataclass(frozen=True)
class EditedPhoto:
    """The result in storage, to be recorded by `deliver`; `missing` as in EditInput."""

    result_key: str
    preview_key: str | None
    sha256: str
    size: int
    missing: tuple[str, ...] = ()


def edit_input(session: Session, lease: Lease) -> EditInput:
    """Read the input of the rules."""
    photo, job = session.execute(
        select(SetsPhoto, SetsJob)
        .join(SetsJob, SetsJob.id == SetsPhoto.job_id)
        .join(SetsEdit, SetsEdit.photo_id == SetsPhoto.id)
        .where(SetsEdit.id == lease.ref)
    ).one()
    settings = sets_choices.settings_of(job, photo)
    instances = session.scalars(select(SetsInstance).where(SetsInstance.photo_id == photo.id)).all()
    preset = sets_presets.preset(job.preset_id)
    canvas_status = sets_restyles.canvas_status(session, lease.ref)
    is_painted = canvas_status is CanvasStatus.PAINTED
    return EditInput(
        edit_id=lease.ref,
        photo_key=photo.photo_key or "",
        preset_id=job.preset_id,
        parts=parts(preset, instances, settings, job.protect),
        references=_references(session, job.id),
        missing=missing(instances, [*settings, *job.protect]),
        has_watermark=job.has_watermark,
        canvas_status=canvas_status,
        paintings=sets_restyles.paintings(session, lease.ref) if is_painted else (),
    )


def parts(
    preset: Preset,
    instances: Sequence[SetsInstance],
    settings: Mapping[str, Setting],
    protect: Sequence[str],
) -> tuple[EditPart, ...]:
    """Return the instances that are changed or protected, in the order in which rules apply.

    Where parts overlap, the first part has precedence, so smaller parts come first.
    """
    every = (_part(preset, each, settings, protect) for each in sorted(instances, key=_order))
    return tuple(part for part in every if part is not None)


def missing(instances: Sequence[SetsInstance], names: Sequence[str]) -> tuple[str, ...]:
    """Return the concepts without an instance, or only with uncertain ones.

    An instance that a person excluded is not missing; a carried proposal that nobody accepted is.
    """
    present = {
        each.concept
        for each in instances
        if each.state != InstanceState.EXCLUDE
        or (each.score >= sets_masks.AUTOMATIC_SCORE and each.source != InstanceSource.CARRIED)
    }
    return tuple(name for name in dict.fromkeys(names) if name not in present)


def record_edited(session: Session, lease: Lease, edited: EditedPhoto) -> bool:
    """Record the result and queue its delivery; False if the fence is stale."""
    return jobs.queue_next_step(session, lease, result=_files(edited))


def deliver(session: Session, job_id: int) -> bool:
    """Deliver the result of an edit in one transaction.

    The photo is done, the credit is spent, and the job ends with its last photo. Returns False if
    the result was delivered before, or there is none.
    """
    job = session.get(Job, job_id)
    if job is None or job.kind != JobKind.PHOTO_EDIT:
        return False
    lock(session, job.ref)
    if not jobs.finish_waiting(session, job_id, TaskName.FINISH_PHOTO, JobState.DONE):
        return False
    session.refresh(job)
    finish(session, job.ref, _edited(job.handover["result"]))
    return True


def finish(session: Session, edit_id: int, edited: EditedPhoto) -> None:
    """Spend the credit of an edit and record its result; the caller has locked the job.

    Raises RuntimeError if the photo or the edit has already ended: nothing is delivered twice.
    """
    photo_id = _photo_of(edit_id, session)
    is_new = pipelines.advance_photo(
        session,
        photo_id,
        PhotoStatus.DONE,
        result_key=edited.result_key,
        result_preview_key=edited.preview_key,
        result_sha256=edited.sha256,
        result_size=edited.size,
        warnings=[{"code": NOT_FOUND, "concept": name} for name in edited.missing],
        failure_code=None,
        failure_message=None,
    )
    if not is_new or not sets_credits.deliver(session, edit_id):
        raise RuntimeError(f"edit {edit_id} had ended before it was delivered")
    sets_photos.end_job_if_over(session, session.get_one(SetsPhoto, photo_id).job_id)


def _files(edited: EditedPhoto) -> EditedFiles:
    return {
        "result_key": edited.result_key,
        "preview_key": edited.preview_key,
        "sha256": edited.sha256,
        "size": edited.size,
        "missing": list(edited.missing),
    }


def _edited(files: EditedFiles) -> EditedPhoto:
    return EditedPhoto(
        result_key=files["result_key"],
        preview_key=files["preview_key"],
        sha256=files["sha256"],
        size=files["size"],
        missing=tuple(files["missing"]),
    )


def activate(session: Session, lease: Lease) -> None:
    """Set the photo and its job to running."""
    photo = session.get_one(SetsPhoto, _photo_of(lease.ref, session))
    pipelines.advance_photo(session, photo.id, PhotoStatus.RUNNING)
    job = session.get_one(SetsJob, photo.job_id)
    if job.status == SetsJobStatus.QUEUED:
        pipelines.advance_sets_job(session, job.id, SetsJobStatus.RUNNING)


def fail(session: Session, edit_id: int, cause: str, message: str) -> None:
    """Fail the photo of an edit and return its credit; other photos continue."""
    sets_photos.fail(session, _photo_of(edit_id, session), cause, message)


def lock(session: Session, edit_id: int) -> None:
    """Lock the job of an edit."""
    photo_id = session.scalar(select(SetsEdit.photo_id).where(SetsEdit.id == edit_id))
    sets_photos.lock_job_of(session, photo_id)


def _photo_of(edit_id: int, session: Session) -> int:
    return session.scalars(select(SetsEdit.photo_id).where(SetsEdit.id == edit_id)).one()


def _order(instance: SetsInstance) -> tuple[int, str, int]:
    return instance.area, instance.concept, instance.number


def _part(
    preset: Preset,
    instance: SetsInstance,
    settings: Mapping[str, Setting],
    protect: Sequence[str],
) -> EditPart | None:
    """Return an instance as part of an edit; None if it is neither changed nor protected."""
    if instance.state == InstanceState.EXCLUDE:
        return None
    is_locked = instance.state == InstanceState.LOCK
    setting = None if is_locked else instance.rule or settings.get(instance.concept)
    protection = _protection(preset, instance.concept) if instance.concept in protect else None
    if setting is None and protection is None and not is_locked:
        return None
    return EditPart(
        instance_id=instance.id,
        concept=instance.concept,
        number=instance.number,
        mask_key=instance.mask_key,
        setting=None if setting is None else _rule(setting),
        protection=protection,
        is_locked=is_locked,
    )


def _rule(setting: Setting) -> Setting:
    """Return a setting without the prompt of its concept."""
    return {
        "action": setting["action"],
        "value": setting.get("value"),
        "options": setting.get("options"),
    }


def _protection(preset: Preset, concept: str) -> Protection:
    """Return how a concept is protected; one that the preset does not have keeps its pixels."""
    try:
        return preset.concept(concept).protection
    except UnknownConcept:
        return Protection.PIXELS


def _references(session: Session, job_id: int) -> dict[int, str]:
    rows = session.execute(
        select(SetsPhoto.idx, SetsPhoto.preview_key).where(
            SetsPhoto.job_id == job_id, SetsPhoto.preview_key.is_not(None)
        )
    )
    return {row.idx: row.preview_key for row in rows}
