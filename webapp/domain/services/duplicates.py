"""The same picture twice: what a buyer already owns, or has under way, of what is ordered.

Style, adapter, words, shape, strength and seed decide every pixel. Failed and canceled images were
paid back, so they do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.errors import DuplicatePicture
from webapp.domain.models.generation import AspectRatio, Generation, GenerationStatus
from webapp.domain.models.style import Style
from webapp.domain.services import sets_canvases

NOT_DELIVERED = (GenerationStatus.FAILED, GenerationStatus.CANCELED)


@dataclass(frozen=True)
class Picture:
    """What decides the pixels of an image beside its style and its seed; tags are normalised."""

    prompt_tags: list[str]
    negative_tags: list[str]
    aspect_ratio: AspectRatio
    style_strength: float


def owned(
    session: Session, *, user_id: int, style: Style, picture: Picture, seeds: Sequence[int]
) -> dict[int, int]:
    """Return the buyer's oldest image of this picture for each seed that has one, by seed.

    To be sure that a parallel order of the same buyer is seen, the caller locks the buyer's
    account first.
    """
    found = session.execute(
        select(Generation.seed, Generation.id).where(
            Generation.user_id == user_id,
            Generation.style_id == style.id,
            Generation.seed.in_(seeds),
            Generation.prompt_tags == picture.prompt_tags,
            Generation.negative_tags == picture.negative_tags,
            Generation.aspect_ratio == picture.aspect_ratio,
            Generation.style_strength == picture.style_strength,
            Generation.adapter_sha256 == style.adapter_sha256,
            Generation.status.not_in(NOT_DELIVERED),
            Generation.deleted_at.is_(None),
            ~Generation.is_try_out,  # free and never public: not what an artist may buy
            ~sets_canvases.of_photo(),  # a part of a photo decides their pixels, too
        )
    ).all()
    return {row.seed: row.id for row in sorted(found, key=lambda row: row.id, reverse=True)}


def refuse(
    session: Session, *, user_id: int, style: Style, picture: Picture, seeds: Sequence[int]
) -> None:
    """Raise DuplicatePicture when the buyer has one of these pictures already."""
    found = owned(session, user_id=user_id, style=style, picture=picture, seeds=seeds)
    if found:
        ids = [found[seed] for seed in seeds if seed in found]
        raise DuplicatePicture(generation_id=ids[0], generation_ids=ids)
