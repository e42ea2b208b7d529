"""What a picture was ordered with, for a new order that begins with the same words."""

from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generations


@dataclass(frozen=True, slots=True)
class PictureWords:
    """The fields that a new order takes from a picture; never its seed or its title."""

    prompt_tags: list[str]
    negative_tags: list[str]
    aspect_ratio: AspectRatio
    style_strength: float


def of_picture(
    session: Session, *, generation_id: int, style_id: int, viewer: Viewer
) -> PictureWords | None:
    """Return the words of a public picture in this style, or of one of the viewer's own.

    Its excluded words are for its owner alone. None for every other picture, as for an unknown id.
    Administrators see no more than others.
    """
    row = session.execute(
        select(
            Generation.prompt_tags,
            Generation.negative_tags,
            Generation.aspect_ratio,
            Generation.style_strength,
            Generation.user_id,
        ).where(
            Generation.id == generation_id,
            Generation.style_id == style_id,
            Generation.deleted_at.is_(None),
            ~Generation.is_try_out,
            or_(and_(*generations.SHOWN), Generation.user_id == viewer.user_id),
        )
    ).one_or_none()
    if row is None:
        return None
    return PictureWords(
        prompt_tags=row.prompt_tags,
        negative_tags=row.negative_tags if row.user_id == viewer.user_id else [],
        aspect_ratio=row.aspect_ratio,
        style_strength=row.style_strength,
    )
