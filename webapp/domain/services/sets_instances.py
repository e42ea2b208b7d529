"""Instances of Sets before the execution: chosen, given rules of their own, clicked, removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from webapp.domain import decoding_slots, sets_settings
from webapp.domain.db import UnitOfWork
from webapp.domain.decoding_slots import DecoderBusy
from webapp.domain.errors import (
    FieldProblem,
    InvalidTransition,
    NotFound,
    ServiceUnavailable,
    ValidationFailed,
)
from webapp.domain.gateways.editor import ClickedMask, Clicker, Point, Setting, SettingChecker
from webapp.domain.gateways.storage import ObjectMissing, Storage
from webapp.domain.identifiers import object_key, public_id
from webapp.domain.images import ImageHeader
from webapp.domain.jobs import NOW
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import InstanceSource, InstanceState, SetsInstance
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.services import sets_accounts, sets_masks
from webapp.domain.services.sets_job_states import get_job, get_job_for_update, photos_of, refuse
from webapp.domain.services.sets_rules import preset_of

SLOT_SECONDS = 5.0
RETRY_AFTER_SECONDS = 5
CHOOSING = (SetsJobStatus.UPLOADED,)


@dataclass(frozen=True)
class InstanceChange:
    """What changes of one instance. `rule` is its own setting, None for that of its concept."""

    instance_id: str
    state: InstanceState | None = None
    has_rule: bool = False
    rule: Setting | None = None


@dataclass(frozen=True)
class Clicked:
    """What was clicked: points on one photo, for a new instance or for one that is there."""

    idx: int
    concept: str
    points: tuple[Point, ...]
    prompt: str | None = None
    instance_id: str | None = None


@dataclass(frozen=True)
class _ClickedPhoto:
    """What a click needs of a photo, read before the slow work begins."""

    id: int
    key: str
    header: ImageHeader


def change(
    session: Session,
    checker: SettingChecker,
    account: SetsAccount,
    job_id: str,
    changes: Sequence[InstanceChange],
) -> int:
    """Include, lock or exclude instances, and give them rules of their own; return how many.

    Raises JobNotFound, AlreadyCanceled, InvalidTransition once the job was executed, NotFound for
    an instance that the job does not have, and ValidationFailed naming the field of a rule.
    """
    job = get_job_for_update(session, account.id, job_id)
    refuse(job, "change-instances", unless=CHOOSING)
    preset = preset_of(job.preset_id)
    indexes = {photo.idx for photo in photos_of(session, job)}
    known = _instances(session, job, [each.instance_id for each in changes])
    for number, wanted in enumerate(changes):
        path = f"changes.{number}"
        instance = known.get(wanted.instance_id)
        if instance is None:
            raise NotFound(resource="instance", field=f"{path}.instance_id")
        if wanted.state is not None:
            instance.state = wanted.state
        if wanted.has_rule:
            if wanted.rule is not None:
                sets_settings.check_rule(
                    checker, preset, wanted.rule, indexes=indexes, path=f"{path}.rule"
                )
                sets_settings.check_restyles(
                    [(f"{path}.rule", wanted.rule)], is_signed_in=account.user_id is not None
                )
            instance.rule = dict(wanted.rule) if wanted.rule is not None else None
        instance.updated_at = NOW
    session.flush()
    _touch(session, job)
    return len({each.instance_id for each in changes})


def click(
    unit_of_work: UnitOfWork,
    storage: Storage,
    clicker: Clicker,
    *,
    account_id: int,
    job_id: str,
    clicked: Clicked,
) -> str:
    """Turn points on a photo into the mask of an instance; return its public id.

    The points given are all of its points: they replace those it had, and its mask. Raises
    JobNotFound, AlreadyCanceled, InvalidTransition, NotFound for an instance that the photo does
    not have, ValidationFailed for an unknown photo or concept and for points that mean nothing,
    ServiceUnavailable while too many photos are being decoded.
    """
    with unit_of_work() as session:
        photo = _prepare(session, account_id, job_id, clicked)
    mask = _mask(storage, clicker, account_id, photo, clicked)
    key = object_key("masks", "png")
    storage.put(key, mask.png, content_type="image/png")
    with unit_of_work() as session:
        sets_accounts.lock_active(session, account_id)
        job = get_job_for_update(session, account_id, job_id)
        refuse(job, "click", unless=CHOOSING)
        made = _record(session, photo, clicked, mask, key)
        _touch(session, job)
    return made


def remove(session: Session, account: SetsAccount, job_id: str, instance_id: str) -> None:
    """Remove an instance that was clicked; found ones are excluded instead.

    Raises JobNotFound, AlreadyCanceled, NotFound, and InvalidTransition for another instance or
    once the job was executed.
    """
    job = get_job_for_update(session, account.id, job_id)
    refuse(job, "remove-instance", unless=CHOOSING)
    instance = _instances(session, job, [instance_id]).get(instance_id)
    if instance is None:
        raise NotFound(resource="instance", id=instance_id)
    if instance.source != InstanceSource.CLICKED:
        states = [InstanceSource.CLICKED.value]
        raise InvalidTransition(
            **{"from": instance.source, "action": "remove-instance", "allowed": states}
        )
    session.execute(delete(SetsInstance).where(SetsInstance.id == instance.id))
    _touch(session, job)


def _prepare(session: Session, account_id: int, job_id: str, clicked: Clicked) -> _ClickedPhoto:
    """Check all that can be wrong before the photo is read."""
    job = get_job(session, account_id, job_id)
    refuse(job, "click", unless=CHOOSING)
    if not any(point.include for point in clicked.points):
        problem = FieldProblem("At least one point must be included.")
        raise ValidationFailed(fields={"points": [problem]})
    photo = _photo(session, job, clicked.idx)
    if clicked.instance_id is not None:
        _clicked_instance(session, photo.id, clicked)
    else:
        preset = preset_of(job.preset_id)
        sets_settings.check_concept(
            preset, clicked.concept, clicked.prompt, path="concept", prompt_path="prompt"
        )
        _check_number(session, photo.id, photo.width or 0, photo.height or 0)
    if photo.photo_key is None or photo.width is None or photo.height is None:
        raise InvalidTransition(
            **{"from": photo.status, "action": "click", "allowed": [PhotoStatus.READY.value]}
        )
    size = photo.declared_size or 0
    header = ImageHeader("PNG", photo.width, photo.height, photo.sha256 or "", size)
    return _ClickedPhoto(photo.id, photo.photo_key, header)


def _photo(session: Session, job: SetsJob, idx: int) -> SetsPhoto:
    found = session.scalars(
        select(SetsPhoto).where(SetsPhoto.job_id == job.id, SetsPhoto.idx == idx)
    ).one_or_none()
    if found is None:
        raise ValidationFailed(fields={"idx": [sets_settings.NO_PHOTO]})
    return found


def _clicked_instance(session: Session, photo_id: int, clicked: Clicked) -> SetsInstance:
    """Return the instance that the points are for."""
    found = session.scalars(
        select(SetsInstance).where(
            SetsInstance.public_id == clicked.instance_id, SetsInstance.photo_id == photo_id
        )
    ).one_or_none()
    if found is None:
        raise NotFound(resource="instance", field="instance_id")
    if found.concept != clicked.concept:
        problem = FieldProblem("This instance belongs to another concept.")
        raise ValidationFailed(fields={"concept": [problem]})
    return found


def _check_number(session: Session, photo_id: int, width: int, height: int) -> None:
    most = sets_masks.most_instances(width, height)
    if sets_masks.count_instances(session, [photo_id]).get(photo_id, 0) >= most:
        problem = FieldProblem("At most %(most)d instances in a photo.", most=most)
        raise ValidationFailed(fields={"instance_id": [problem]})


def _mask(
    storage: Storage, clicker: Clicker, account_id: int, photo: _ClickedPhoto, clicked: Clicked
) -> ClickedMask:
    memory = decoding_slots.memory_needed(photo.header)

    def read_photo() -> bytes:
        return storage.get(photo.key)

    try:
        # A person of the site has slots by user id; those of accounts are others.
        with decoding_slots.slot(-account_id, memory, SLOT_SECONDS):
            mask = clicker.mask(photo.key, read_photo, clicked.points)
    except (DecoderBusy, ObjectMissing) as error:  # a purge may have been faster
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
    if mask.area == 0:
        problem = FieldProblem("These points enclose nothing.")
        raise ValidationFailed(fields={"points": [problem]})
    return mask


def _record(
    session: Session, photo: _ClickedPhoto, clicked: Clicked, mask: ClickedMask, key: str
) -> str:
    values: dict[str, Any] = {
        "source": InstanceSource.CLICKED,
        "points": [{"x": each.x, "y": each.y, "include": each.include} for each in clicked.points],
        "mask_key": key,
        "box": list(mask.box),
        "area": mask.area,
        "score": 1.0,
    }
    if clicked.instance_id is not None:
        instance = _clicked_instance(session, photo.id, clicked)
        # Whoever clicks on an instance wants it; a locked one stays locked.
        was_excluded = instance.state == InstanceState.EXCLUDE
        state = InstanceState.INCLUDE if was_excluded else instance.state
        session.execute(
            update(SetsInstance)
            .where(SetsInstance.id == instance.id)
            .values(state=state, updated_at=NOW, **values)
        )
        return instance.public_id
    _check_number(session, photo.id, photo.header.width, photo.header.height)
    last = session.scalars(
        select(func.coalesce(func.max(SetsInstance.number), 0)).where(
            SetsInstance.photo_id == photo.id, SetsInstance.concept == clicked.concept
        )
    ).one()
    made = SetsInstance(
        public_id=public_id("inst_"),
        photo_id=photo.id,
        concept=clicked.concept,
        number=last + 1,
        **values,
    )
    session.add(made)
    session.flush()
    return made.public_id


def _instances(session: Session, job: SetsJob, ids: Sequence[str]) -> dict[str, SetsInstance]:
    """Return those of a job's instances that have these public ids."""
    found = session.scalars(
        select(SetsInstance)
        .join(SetsPhoto, SetsPhoto.id == SetsInstance.photo_id)
        .where(SetsInstance.public_id.in_(ids), SetsPhoto.job_id == job.id)
    )
    return {each.public_id: each for each in found}


def _touch(session: Session, job: SetsJob) -> None:
    """Show watchers of the job that something of it changed."""
    session.execute(update(SetsJob).where(SetsJob.id == job.id).values(updated_at=NOW))
