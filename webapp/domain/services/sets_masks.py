"""The cache of masks of photos of Sets, and the instances made from masks.

The cache key of a photo is the hash of its bytes, so all jobs of an account with the same photo
share its masks. An account gets only masks of searches in its own photos, so that the cache does
not reveal uploads of others. The current version of a segmenter is that of the newest entry.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import jobs
from webapp.domain.identifiers import public_id
from webapp.domain.models.documents import StoredMask
from webapp.domain.models.sets_instance import (
    InstanceSource,
    InstanceState,
    SegmentationStatus,
    SetsInstance,
    SetsMask,
    SetsSegmentation,
)
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.services.sets_choices import ConceptQuery
from webapp.domain.settings import settings

AUTOMATIC_SCORE = 0.3
"""A found instance with a lower score is excluded until a person includes it; as in the engine."""

MAX_INSTANCES = 200
"""Per photo: more than a person needs, a limit for scripts."""

MAX_MASK_PIXELS = 2_000_000_000
"""Of all masks of one photo: an edit has them in memory together, one byte per pixel."""


@dataclass(frozen=True)
class FoundMask:
    """A stored mask of the segmenter, measured in pixels of the photo.

    `box` is left, top, width and height; `score` is 0–1.
    """

    mask_key: str
    box: tuple[int, int, int, int]
    area: int
    score: float


def missing(
    session: Session, photo: SetsPhoto, queries: Sequence[ConceptQuery], *, clicks_count: bool
) -> list[ConceptQuery]:
    """Return the queries that still need the segmenter; insert instances of cached masks.

    A concept was searched if its prompt was: another prompt of the same name needs a new search.
    With `clicks_count` a concept that a person has clicked or accepted needs none.
    """
    present = _chosen(session, photo.id) if clicks_count else set()
    known = searched_prompts(session, photo.id)
    unknown = [
        concept
        for concept in queries
        if concept.name not in present and (concept.name, concept.prompt) not in known
    ]
    if not unknown:
        return []
    cached = _cached(session, photo, {concept.prompt for concept in unknown})
    in_cache = [concept for concept in unknown if concept.prompt in cached]
    for concept in in_cache:
        _replace_found(session, photo.id, concept.name, cached[concept.prompt])
    if in_cache:
        record_searched(session, photo.id, in_cache)  # it says which prompts the instances have
    return [concept for concept in unknown if concept.prompt not in cached]


def _chosen(session: Session, photo_id: int) -> set[str]:
    """Return the concepts of which a person clicked or accepted an instance in a photo."""
    return set(
        session.scalars(
            select(SetsInstance.concept).where(
                SetsInstance.photo_id == photo_id,
                SetsInstance.source != InstanceSource.FOUND,
                ~is_open_proposal(),
            )
        )
    )


def _replace_found(
    session: Session, photo_id: int, concept: str, masks: Sequence[FoundMask]
) -> None:
    """Insert the instances of masks; delete those of an earlier prompt that nobody has changed."""
    session.execute(
        delete(SetsInstance).where(
            SetsInstance.photo_id == photo_id,
            SetsInstance.concept == concept,
            SetsInstance.source == InstanceSource.FOUND,
            SetsInstance.mask_key.not_in([each.mask_key for each in masks]),
            *without_a_choice(),
        )
    )
    add_instances(session, photo_id, concept, masks)


def _cached(
    session: Session, photo: SetsPhoto, prompts: Collection[str]
) -> dict[str, list[FoundMask]]:
    """Return the cached masks of the current segmenter, by prompt.

    Only for prompts that the same account has searched: immediate masks would reveal that another
    account has the same photo.
    """
    searched = _searched_by_account(session, photo, prompts)
    if not searched:
        return {}
    current_version = (
        select(SetsMask.version)
        .where(SetsMask.segmenter == settings().segmenter)
        .order_by(SetsMask.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = session.execute(
        select(SetsMask.prompt, SetsMask.found).where(
            SetsMask.photo_sha256 == photo.sha256,
            SetsMask.prompt.in_(searched),
            SetsMask.segmenter == settings().segmenter,
            SetsMask.version == current_version,
        )
    )
    return {row.prompt: [_found_mask(each) for each in row.found] for row in rows}


def record_searched(session: Session, photo_id: int, queries: Sequence[ConceptQuery]) -> None:
    """Insert a finished run for concepts that need no search."""
    session.add(
        SetsSegmentation(
            photo_id=photo_id,
            concepts=[asdict(query) for query in queries],
            status=SegmentationStatus.READY,
            finished_at=jobs.NOW,
        )
    )
    session.flush()


def cache_masks(
    session: Session,
    photo_sha256: str,
    prompt: str,
    masks: Iterable[FoundMask],
    *,
    segmenter: str,
    version: str,
) -> None:
    """Insert the masks of a prompt into the cache; an existing entry does not change."""
    session.execute(
        insert(SetsMask)
        .values(
            photo_sha256=photo_sha256,
            prompt=prompt,
            segmenter=segmenter,
            version=version,
            found=[asdict(each) for each in masks],
        )
        .on_conflict_do_nothing()
    )


def add_instances(
    session: Session, photo_id: int, concept: str, masks: Iterable[FoundMask]
) -> None:
    """Insert an instance for each new mask, with the next free numbers of its concept.

    An uncertain instance is excluded until a person includes it.
    """
    number_by_key = {
        row.mask_key: row.number
        for row in session.execute(
            select(SetsInstance.mask_key, SetsInstance.number).where(
                SetsInstance.photo_id == photo_id, SetsInstance.concept == concept
            )
        )
    }
    last = max(number_by_key.values(), default=0)
    new = [each for each in masks if each.mask_key not in number_by_key]
    session.add_all(
        SetsInstance(
            public_id=public_id("inst_"),
            photo_id=photo_id,
            concept=concept,
            number=number,
            state=first_state(each.score),
            source=InstanceSource.FOUND,
            mask_key=each.mask_key,
            box=list(each.box),
            area=each.area,
            score=each.score,
        )
        for number, each in enumerate(new, start=last + 1)
    )
    session.flush()


def most_instances(width: int, height: int) -> int:
    """Return the maximum number of instances of a photo of this size: 40 at 50 megapixels."""
    return min(MAX_INSTANCES, MAX_MASK_PIXELS // max(1, width * height))


def count_instances(session: Session, photo_ids: Iterable[int]) -> dict[int, int]:
    """Return the number of instances by photo id; photos without instances have no entry."""
    rows = session.execute(
        select(SetsInstance.photo_id, func.count())
        .where(SetsInstance.photo_id.in_(photo_ids))
        .group_by(SetsInstance.photo_id)
    )
    return {row[0]: row[1] for row in rows}


def is_open_proposal() -> ColumnElement[bool]:
    """Return the condition that an instance is a carried mask that no person has included."""
    is_carried = SetsInstance.source == InstanceSource.CARRIED
    return is_carried & (SetsInstance.state == InstanceState.EXCLUDE)


def first_state(score: float) -> InstanceState:
    """Return the initial state of a found instance."""
    return InstanceState.INCLUDE if score >= AUTOMATIC_SCORE else InstanceState.EXCLUDE


def without_a_choice() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of an instance that no person has changed."""
    sure = SetsInstance.score >= AUTOMATIC_SCORE
    is_as_found = or_(
        sure & (SetsInstance.state == first_state(1.0)),
        ~sure & (SetsInstance.state == first_state(0.0)),
    )
    is_used = select(SetsRestyle.id).where(SetsRestyle.instance_id == SetsInstance.id).exists()
    return is_as_found, SetsInstance.rule.is_(None), ~is_used


def _searched_by_account(session: Session, photo: SetsPhoto, prompts: Collection[str]) -> set[str]:
    """Return the prompts that the photo's account has searched in a photo with the same bytes."""
    account_id = select(SetsJob.account_id).where(SetsJob.id == photo.job_id).scalar_subquery()
    runs = (
        select(SetsSegmentation.concepts)
        .join(SetsPhoto, SetsPhoto.id == SetsSegmentation.photo_id)
        .join(SetsJob, SetsJob.id == SetsPhoto.job_id)
        .where(
            SetsPhoto.sha256 == photo.sha256,
            SetsJob.account_id == account_id,
            SetsSegmentation.status == SegmentationStatus.READY,
        )
    )
    searched = {each["prompt"] for concepts in session.scalars(runs) for each in concepts}
    return searched & set(prompts)


def searched_prompts(session: Session, photo_id: int) -> set[tuple[str, str]]:
    """Return the names and prompts of the finished runs over this photo."""
    runs = session.scalars(
        select(SetsSegmentation.concepts).where(
            SetsSegmentation.photo_id == photo_id,
            SetsSegmentation.status == SegmentationStatus.READY,
        )
    )
    return {(concept["name"], concept["prompt"]) for concepts in runs for concept in concepts}


def _found_mask(mask: StoredMask) -> FoundMask:
    left, top, width, height = mask["box"]
    return FoundMask(mask["mask_key"], (left, top, width, height), mask["area"], mask["score"])
