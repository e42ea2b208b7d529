"""Carries the mask of an instance to other photos of its group, as proposals.

A proposal is excluded until a person includes it, and has the number of its source instance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import decoding_slots, sets_settings
from webapp.domain.db import UnitOfWork
from webapp.domain.decoding_slots import DecoderBusy
from webapp.domain.errors import FieldProblem, NotFound, ServiceUnavailable, ValidationFailed
from webapp.domain.gateways.editor import CarriedMask, Carrier
from webapp.domain.gateways.storage import ObjectMissing, Storage
from webapp.domain.identifiers import object_key, public_id
from webapp.domain.images import ImageHeader
from webapp.domain.jobs import NOW
from webapp.domain.models.sets_instance import InstanceSource, InstanceState, SetsInstance
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.services import sets_accounts, sets_masks
from webapp.domain.services.sets_job_states import get_job, get_job_for_update, photos_of, refuse

MAX_ITEMS = 3  # each takes about one second of CPU time
SLOT_SECONDS = 10.0
RETRY_AFTER_SECONDS = 5
CHOOSING = (SetsJobStatus.UPLOADED,)


@dataclass(frozen=True)
class _Source:
    """The instance whose mask is carried, and the photos it is carried to."""

    concept: str
    number: int
    mask_key: str
    photo_key: str
    targets: tuple[tuple[int, str], ...]
    header: ImageHeader


def carry(
    unit_of_work: UnitOfWork,
    storage: Storage,
    carrier: Carrier,
    *,
    account_id: int,
    job_id: str,
    instance_id: str,
    items: Sequence[int] | None,
) -> list[str]:
    """Propose the mask of an instance for up to three other photos; return the public ids.

    Without `items`, for the next photos of the same group without this instance. There is no
    proposal for a photo where a person has already chosen, where no mask is likely, or that has the
    maximum number of instances. Raises JobNotFound, AlreadyCanceled, InvalidTransition, NotFound
    for an instance that the job does not have, ValidationFailed for an unknown photo, one of
    another group or one of `items` with the maximum number of instances, and ServiceUnavailable
    if all decoding slots are busy.
    """
    with unit_of_work() as session:
        source = _source(session, account_id, job_id, instance_id, items)
    proposals = _stored(storage, carrier, account_id, source)
    with unit_of_work() as session:
        sets_accounts.lock_active(session, account_id)
        job = get_job_for_update(session, account_id, job_id)
        refuse(job, "carry", unless=CHOOSING)
        public_ids = [_record(session, source, *proposal) for proposal in proposals]
        job.updated_at = NOW
    return [each for each in public_ids if each is not None]


def _source(
    session: Session,
    account_id: int,
    job_id: str,
    instance_id: str,
    items: Sequence[int] | None,
) -> _Source:
    job = get_job(session, account_id, job_id)
    refuse(job, "carry", unless=CHOOSING)
    photos = {photo.id: photo for photo in photos_of(session, job)}
    instance = session.scalars(
        select(SetsInstance).where(
            SetsInstance.public_id == instance_id, SetsInstance.photo_id.in_(photos)
        )
    ).one_or_none()
    if instance is None:
        raise NotFound(resource="instance", id=instance_id)
    photo = photos[instance.photo_id]
    targets = _targets(session, photo, instance, list(photos.values()), items)
    largest = max([photo, *targets], key=lambda each: (each.width or 0) * (each.height or 0))
    return _Source(
        concept=instance.concept,
        number=instance.number,
        mask_key=instance.mask_key,
        photo_key=photo.photo_key or "",
        targets=tuple((each.id, each.photo_key or "") for each in targets),
        header=ImageHeader("PNG", largest.width or 0, largest.height or 0, "", 0),
    )


def _targets(
    session: Session,
    photo: SetsPhoto,
    instance: SetsInstance,
    photos: Sequence[SetsPhoto],
    items: Sequence[int] | None,
) -> list[SetsPhoto]:
    """Return the decoded photos that need a proposal, in their order."""
    if items is not None:
        sets_settings.check_indexes(items, {each.idx for each in photos})
        _check_group(items, photo, photos)
        candidates = [each for each in photos if each.idx in set(items)]
    else:
        order = (photo.position, photo.idx)
        candidates = [
            each
            for each in sorted(photos, key=lambda each: (each.position, each.idx))
            if each.group == photo.group and (each.position, each.idx) > order
        ]
    decided = select(SetsInstance.photo_id).where(
        SetsInstance.photo_id.in_([each.id for each in candidates]),
        SetsInstance.concept == instance.concept,
        SetsInstance.number == instance.number,
        (SetsInstance.source != InstanceSource.CARRIED)
        | (SetsInstance.state != InstanceState.EXCLUDE),
    )
    excluded = {photo.id, *session.scalars(decided)}
    targets = [
        each for each in candidates if each.photo_key is not None and each.id not in excluded
    ]
    full = _full(session, instance.concept, instance.number, targets)
    if items is not None and full:
        raise ValidationFailed(
            fields={
                f"items.{number}": [
                    FieldProblem("At most %(most)d instances in a photo.", most=full[idx])
                ]
                for number, idx in enumerate(items)
                if idx in full
            }
        )
    return [each for each in targets if each.idx not in full][:MAX_ITEMS]


def _full(
    session: Session, concept: str, number: int, photos: Sequence[SetsPhoto]
) -> dict[int, int]:
    """Return the maximum number of instances of the photos that have it, by their index.

    A photo that already has a proposal of this number has room: the new one takes its place.
    """
    ids = [photo.id for photo in photos]
    replaced = set(
        session.scalars(
            select(SetsInstance.photo_id).where(
                SetsInstance.photo_id.in_(ids),
                SetsInstance.concept == concept,
                SetsInstance.number == number,
            )
        )
    )
    counts = sets_masks.count_instances(session, ids)
    most = {
        each.idx: sets_masks.most_instances(each.width or 0, each.height or 0) for each in photos
    }
    return {
        each.idx: most[each.idx]
        for each in photos
        if each.id not in replaced and counts.get(each.id, 0) >= most[each.idx]
    }


def _check_group(items: Sequence[int], photo: SetsPhoto, photos: Sequence[SetsPhoto]) -> None:
    """Raise ValidationFailed for a photo of another group: it does not show the same instance."""
    groups = {each.idx: each.group for each in photos}
    problem = FieldProblem("Must be a photo of the same group.")
    fields = {
        f"items.{number}": [problem]
        for number, idx in enumerate(items)
        if groups[idx] != photo.group
    }
    if fields:
        raise ValidationFailed(fields=fields)


def _stored(
    storage: Storage, carrier: Carrier, account_id: int, source: _Source
) -> list[tuple[int, str, CarriedMask]]:
    """Return proposals as (photo id, key of the stored mask, mask)."""
    if not source.targets:
        return []
    try:
        # Two photos are decoded at a time.
        memory = 2 * decoding_slots.memory_needed(source.header)
        with decoding_slots.slot(-account_id, memory, SLOT_SECONDS):
            return list(_proposals(storage, carrier, source))
    except (DecoderBusy, ObjectMissing) as error:  # ObjectMissing: purged meanwhile
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error


def _proposals(
    storage: Storage, carrier: Carrier, source: _Source
) -> Iterator[tuple[int, str, CarriedMask]]:
    files = (storage.get(key) for _, key in source.targets)
    carried = carrier.carry(storage.get(source.photo_key), storage.get(source.mask_key), files)
    for (photo_id, _), proposal in zip(source.targets, carried, strict=True):
        if proposal is not None:
            key = object_key("masks", "png")
            storage.put(key, proposal.mask.png, content_type="image/png")
            yield photo_id, key, proposal


def _record(
    session: Session, source: _Source, photo_id: int, key: str, carried: CarriedMask
) -> str | None:
    """Store a proposal and return its public id.

    None if a person has chosen meanwhile, or the photo has the maximum number of instances now.
    """
    instance = session.scalars(
        select(SetsInstance).where(
            SetsInstance.photo_id == photo_id,
            SetsInstance.concept == source.concept,
            SetsInstance.number == source.number,
        )
    ).one_or_none()
    if instance is None:
        photo = session.get_one(SetsPhoto, photo_id)
        if _full(session, source.concept, source.number, [photo]):
            return None
        instance = SetsInstance(
            public_id=public_id("inst_"),
            photo_id=photo_id,
            concept=source.concept,
            number=source.number,
            state=InstanceState.EXCLUDE,
            source=InstanceSource.CARRIED,
        )
        session.add(instance)
    elif instance.source != InstanceSource.CARRIED or instance.state != InstanceState.EXCLUDE:
        return None
    instance.mask_key, instance.score, instance.updated_at = key, carried.confidence, NOW
    instance.box, instance.area = list(carried.mask.box), carried.mask.area
    session.flush()
    return instance.public_id
