"""What an order would be, before anybody pays: its price, unknown words, pictures owned already."""

from typing import Any

from sqlalchemy.orm import Session

from webapp.domain.errors import StyleNotFound
from webapp.domain.models.generation import AspectRatio
from webapp.domain.models.style import Style, TrainingStatus
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import duplicates, generations, offers, prompts, vocabulary
from webapp.domain.services.duplicates import Picture


def preview(
    session: Session,
    *,
    viewer: Viewer,
    style_id: int,
    prompt_tags: list[str],
    negative_tags: list[str],
    aspect_ratio: AspectRatio,
    seed: int | None,
    style_strength: float,
    count: int,
) -> dict[str, Any]:
    """Tell what `generations.request` would say of this order; nothing is charged or kept.

    Raises what it raises for tags that cannot be ordered, and StyleNotFound.
    """
    style = session.get(Style, style_id)
    if style is None or not offers.may_see(viewer, style):
        raise StyleNotFound(id=style_id)
    if style.training_status != TrainingStatus.COMPLETED:
        raise StyleNotFound(id=style_id)
    prompt, negative = prompts.clean_tags(session, prompt_tags, negative_tags)
    known = vocabulary.recognise(session, style, prompt)
    picture = Picture(prompt, negative, aspect_ratio, style_strength)
    owned: dict[int, int] = {}
    if viewer.user_id is not None and seed is not None:
        seeds = generations.seeds_of(seed, count)
        owned = duplicates.owned(
            session, user_id=viewer.user_id, style=style, picture=picture, seeds=seeds
        )
    return {
        "total_price_tokens": style.price_tokens * count,
        "unknown_tags": known.unknown_tags,
        "is_any_known": known.is_any_known,
        "owned_generation_ids": [owned[each] for each in sorted(owned)],
    }
