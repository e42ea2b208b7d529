"""Masks of photos of Sets: what was found before is never searched again.

The cache knows a photo by the hash of its bytes, so it serves every job of an account that has the
photo. It tells nobody what others have uploaded: an account is answered only what was searched in a
photo of its own. Which version of a segmenter is the present one is told by what was written last.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.identifiers import public_id
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
from webapp.domain.services.sets_choices import ConceptQuery
from webapp.domain.settings import settings

AUTOMATIC_SCORE = 0.3
"""Below this a found instance is not selected until a person selects it; the engine's own limit."""

MAX_INSTANCES = 200
"""In one photo: more than anybody clicks, fewer than a script could."""

MAX_MASK_PIXELS = 2_000_000_000
"""Of all masks of one photo: an edit holds them at once, a byte for each pixel."""


@dataclass(frozen=True)
class FoundMask:
    """One thing that a segmenter found: its mask in storage, measured in pixels of the photo.

    `box` is left, top, width and height; `score` is 0–1.
    """

    mask_key: str
    box: tuple[int, int, int, int]
    area: int
    score: float


def missing(
    session: Session, photo: SetsPhoto, wanted: Sequence[ConceptQuery], *, clicks_count: bool
) -> list[ConceptQuery]:
    """Return the concepts that nobody has searched in a photo; make instances of what is cached.

    With `clicks_count` a concept that a person has clicked or accepted is known, too.
    """
    has_instances = select(SetsInstance.concept).where(
        SetsInstance.photo_id == photo.id, ~is_open_proposal()
    )
    if not clicks_count:
        has_instances = has_instances.where(SetsInstance.source == InstanceSource.FOUND)
    known = set(session.scalars(has_instances))
    searched = _searched(session, photo.id)
    unknown = [
        concept
        for concept in wanted
        if concept.name not in known and (concept.name, concept.prompt) not in searched
    ]
    if not unknown:
        return []
    cached = _cached(session, photo, {concept.prompt for concept in unknown})
    for concept in unknown:
        if concept.prompt in cached:
            add_instances(session, photo.id, concept.name, cached[concept.prompt])
    return [concept for concept in unknown if concept.prompt not in cached]


def _cached(
    session: Session, photo: SetsPhoto, prompts: Collection[str]
) -> dict[str, list[FoundMask]]:
    """Return what the present segmenter once found, by the prompt, if it was asked.

    Only for who has asked: masks that come at once would tell that others have the same photo.
    """
    asked = _asked(session, photo, prompts)
    if not asked:
        return {}
    present = (
        select(SetsMask.version)
        .where(SetsMask.segmenter == settings().segmenter)
        .order_by(SetsMask.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = session.execute(
        select(SetsMask.prompt, SetsMask.found).where(
            SetsMask.photo_sha256 == photo.sha256,
            SetsMask.prompt.in_(asked),
            SetsMask.segmenter == settings().segmenter,
            SetsMask.version == present,
        )
    )
    return {row.prompt: [_found(each) for each in row.found] for row in rows}


def cache_masks(
    session: Session,
    photo_sha256: str,
    prompt: str,
    found: Iterable[FoundMask],
    *,
    segmenter: str,
    version: str,
) -> None:
    """Keep what a segmenter found for a prompt; what is known already stays as it is."""
    session.execute(
        insert(SetsMask)
        .values(
            photo_sha256=photo_sha256,
            prompt=prompt,
            segmenter=segmenter,
            version=version,
            found=[asdict(each) for each in found],
        )
        .on_conflict_do_nothing()
    )


def add_instances(
    session: Session, photo_id: int, concept: str, found: Iterable[FoundMask]
) -> None:
    """Make an instance of each mask that is none yet, under the next free numbers of its concept.

    What the segmenter is not sure of waits for a person to include it.
    """
    known = {
        row.mask_key: row.number
        for row in session.execute(
            select(SetsInstance.mask_key, SetsInstance.number).where(
                SetsInstance.photo_id == photo_id, SetsInstance.concept == concept
            )
        )
    }
    last = max(known.values(), default=0)
    new = [each for each in found if each.mask_key not in known]
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
    """Return how many instances a photo of this size may have: 40 at 50 megapixels."""
    return min(MAX_INSTANCES, MAX_MASK_PIXELS // max(1, width * height))


def count_instances(session: Session, photo_ids: Iterable[int]) -> dict[int, int]:
    """Return how many instances each photo has, by its id; those without any are left out."""
    rows = session.execute(
        select(SetsInstance.photo_id, func.count())
        .where(SetsInstance.photo_id.in_(photo_ids))
        .group_by(SetsInstance.photo_id)
    )
    return {row[0]: row[1] for row in rows}


def is_open_proposal() -> ColumnElement[bool]:
    """Return the condition of a carried mask that no person has included."""
    is_carried = SetsInstance.source == InstanceSource.CARRIED
    return is_carried & (SetsInstance.state == InstanceState.EXCLUDE)


def first_state(score: float) -> InstanceState:
    """Return the state in which a found instance begins."""
    return InstanceState.INCLUDE if score >= AUTOMATIC_SCORE else InstanceState.EXCLUDE


def _asked(session: Session, photo: SetsPhoto, prompts: Collection[str]) -> set[str]:
    """Return the prompts that were searched in a photo with the same bytes of the same account."""
    mine = select(SetsJob.account_id).where(SetsJob.id == photo.job_id).scalar_subquery()
    asked = (
        select(SetsSegmentation.concepts)
        .join(SetsPhoto, SetsPhoto.id == SetsSegmentation.photo_id)
        .join(SetsJob, SetsJob.id == SetsPhoto.job_id)
        .where(
            SetsPhoto.sha256 == photo.sha256,
            SetsJob.account_id == mine,
            SetsSegmentation.status == SegmentationStatus.READY,
        )
    )
    searched = {each["prompt"] for concepts in session.scalars(asked) for each in concepts}
    return searched & set(prompts)


def _searched(session: Session, photo_id: int) -> set[tuple[str, str]]:
    """Return names and prompts that a run over this photo has searched to its end."""
    runs = session.scalars(
        select(SetsSegmentation.concepts).where(
            SetsSegmentation.photo_id == photo_id,
            SetsSegmentation.status == SegmentationStatus.READY,
        )
    )
    return {(concept["name"], concept["prompt"]) for concepts in runs for concept in concepts}


def _found(stored: dict[str, object]) -> FoundMask:
    return FoundMask(**{**stored, "box": tuple(stored["box"])})  # type: ignore[arg-type]
