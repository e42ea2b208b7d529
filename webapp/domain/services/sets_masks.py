"""Masks of photos of Sets: what was found before is never searched again.

The cache knows a photo by the hash of its bytes, so it serves every job that has the photo. Which
version of a segmenter is the present one is told by what was written last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, select
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
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.services.sets_choices import WantedConcept
from webapp.domain.settings import settings

AUTOMATIC_SCORE = 0.3
"""Below this a found instance is not selected until a person selects it; the engine's own limit."""


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
    session: Session, photo: SetsPhoto, wanted: Sequence[WantedConcept], *, clicks_count: bool
) -> list[WantedConcept]:
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
    left = []
    for concept in wanted:
        if concept.name in known or (concept.name, concept.prompt) in searched:
            continue
        cached = find(session, photo.sha256, concept.prompt)
        if cached is None:
            left.append(concept)
        else:
            add_instances(session, photo.id, concept.name, cached)
    return left


def find(session: Session, photo_sha256: str | None, prompt: str) -> list[FoundMask] | None:
    """Return what the present segmenter once found for a prompt; None if it was never asked."""
    present = (
        select(SetsMask.version)
        .where(SetsMask.segmenter == settings().segmenter)
        .order_by(SetsMask.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = session.scalars(
        select(SetsMask.found).where(
            SetsMask.photo_sha256 == photo_sha256,
            SetsMask.prompt == prompt,
            SetsMask.segmenter == settings().segmenter,
            SetsMask.version == present,
        )
    ).one_or_none()
    return None if found is None else [_found(each) for each in found]


def remember(
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


def is_open_proposal() -> ColumnElement[bool]:
    """Return the condition of a carried mask that no person has included."""
    is_carried = SetsInstance.source == InstanceSource.CARRIED
    return is_carried & (SetsInstance.state == InstanceState.EXCLUDE)


def first_state(score: float) -> InstanceState:
    """Return the state in which a found instance begins."""
    return InstanceState.INCLUDE if score >= AUTOMATIC_SCORE else InstanceState.EXCLUDE


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
