"""Changes of instances of Sets before the execution: state, own rule, clicks, removal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

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
from webapp.domain.gateways.editor import ClickedMask, Clicker, Point, SettingChecker
from webapp.domain.gateways.storage import ObjectMissing, Storage
from webapp.domain.identifiers import object_key, public_id
from webapp.domain.images import ImageHeader
from webapp.domain.jobs import NOW
from webapp.domain.models.documents import ClickedPoint, Setting
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
    """A change of one instance. `rule` is its own setting, None for the setting of its concept."""

    instance_id: str
    state: InstanceState | None = None
    has_rule: bool = False
    rule: Setting | None = None


@dataclass(frozen=True)
class Clicked:
    """Clicked points on one photo, for a new or an existing instance."""

    idx: int
    concept: str
    points: tuple[Point, ...]
    prompt: str | None = None
    instance_id: str | None = None


@dataclass(frozen=True)
class _ClickedPhoto:
    """The data of a clicked photo, read in the transaction before the segmentation."""

    id: int
    key: str
    header: ImageHeader


class _ClickedColumns(TypedDict):
    """The columns of an instance that its clicked points determine."""

    source: InstanceSource
    points: list[ClickedPoint]
    mask_key: str
    box: list[int]
    area: int
    score: float


def change(
    session: Session,
    checker: SettingChecker,
    account: SetsAccount,
    job_id: str,
    changes: Sequence[InstanceChange],
) -> int:
    """Include, lock or exclude instances, and set their own rules; return how many.

    Raises JobNotFound, AlreadyCanceled, InvalidTransition after the execution, NotFound for an
    instance that the job does not have, and ValidationFailed with the field of a rule.
    """
    job = get_job_for_update(session, account.id, job_id)
    refuse(job, "change-instances", unless=CHOOSING)
    preset = preset_of(job.preset_id)
    indexes = {photo.idx for photo in photos_of(session, job)}
    instances = _instances(session, job, [each.instance_id for each in changes])
    for number, item in enumerate(changes):
        path = f"changes.{number}"
        instance = instances.get(item.instance_id)
        if instance is None:
            raise NotFound(resource="instance", field=f"{path}.instance_id")
        if item.state is not None:
            instance.state = item.state
        if item.has_rule:
            if item.rule is not None:
                sets_settings.check_rule(
                    checker, preset, item.rule, indexes=indexes, path=f"{path}.rule"
                )
                sets_settings.check_restyles(
                    [(f"{path}.rule", item.rule)], is_signed_in=account.user_id is not None
                )
            instance.rule = item.rule
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
    """Compute the mask of an instance from points on a photo; return its public id.

    The points replace all earlier points and the mask of an existing instance. Raises JobNotFound,
    AlreadyCanceled, InvalidTransition, NotFound for an instance that the photo does not have,
    ValidationFailed for an unknown photo or concept and for an empty mask, ServiceUnavailable if
    all decoding slots are busy.
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
        public_instance_id = _record(session, photo, clicked, mask, key)
        _touch(session, job)
    return public_instance_id


def remove(session: Session, account: SetsAccount, job_id: str, instance_id: str) -> None:
    """Delete a clicked instance; others can only be excluded.

    Raises JobNotFound, AlreadyCanceled, NotFound, and InvalidTransition for an instance that was
    not clicked or after the execution.
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
    """Check the request and return the photo, before its file is read."""
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
    photo = session.scalars(
        select(SetsPhoto).where(SetsPhoto.job_id == job.id, SetsPhoto.idx == idx)
    ).one_or_none()
    if photo is None:
        raise ValidationFailed(fields={"idx": [sets_settings.NO_PHOTO]})
    return photo


def _clicked_instance(session: Session, photo_id: int, clicked: Clicked) -> SetsInstance:
    """Return the existing instance of the points."""
    instance = session.scalars(
        select(SetsInstance).where(
            SetsInstance.public_id == clicked.instance_id, SetsInstance.photo_id == photo_id
        )
    ).one_or_none()
    if instance is None:
        raise NotFound(resource="instance", field="instance_id")
    if instance.concept != clicked.concept:
        problem = FieldProblem("This instance belongs to another concept.")
        raise ValidationFailed(fields={"concept": [problem]})
    return instance


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
        # Negative: the slots of users have their positive ids.
        with decoding_slots.slot(-account_id, memory, SLOT_SECONDS):
            mask = clicker.mask(photo.key, read_photo, clicked.points)
    except (DecoderBusy, ObjectMissing) as error:  # ObjectMissing: purged meanwhile
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
    if mask.area == 0:
        problem = FieldProblem("These points enclose nothing.")
        raise ValidationFailed(fields={"points": [problem]})
    return mask


def _record(
    session: Session, photo: _ClickedPhoto, clicked: Clicked, mask: ClickedMask, key: str
) -> str:
    values: _ClickedColumns = {
        "source": InstanceSource.CLICKED,
        "points": [{"x": each.x, "y": each.y, "include": each.include} for each in clicked.points],
        "mask_key": key,
        "box": list(mask.box),
        "area": mask.area,
        "score": 1.0,
    }
    if clicked.instance_id is not None:
        instance = _clicked_instance(session, photo.id, clicked)
        # A click includes an excluded instance; a locked one stays locked.
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
    instance = SetsInstance(
        public_id=public_id("inst_"),
        photo_id=photo.id,
        concept=clicked.concept,
        number=last + 1,
        **values,
    )
    session.add(instance)
    session.flush()
    return instance.public_id


def _instances(session: Session, job: SetsJob, ids: Sequence[str]) -> dict[str, SetsInstance]:
    """Return the instances of a job with these public ids, by public id."""
    instances = session.scalars(
        select(SetsInstance)
        .join(SetsPhoto, SetsPhoto.id == SetsInstance.photo_id)
        .where(SetsInstance.public_id.in_(ids), SetsPhoto.job_id == job.id)
    )
    return {each.public_id: each for each in instances}


def _touch(session: Session, job: SetsJob) -> None:
    """Update the job's `updated_at`, by which event streams detect changes."""
    session.execute(update(SetsJob).where(SetsJob.id == job.id).values(updated_at=NOW))
