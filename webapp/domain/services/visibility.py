"""Show several of one's own images to everybody, or hide them: all of them, or none."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import GenerationNotFound
from webapp.domain.models.generation import Generation
from webapp.domain.services import accounts, generations, notifications, tags

MAX_PICTURES = 50  # at once


def change(
    session: Session, *, user_id: int, generation_ids: Sequence[int], is_public: bool
) -> list[int]:
    """Make own images public or private; return the ids of those that were not so before.

    Raises GenerationNotFound for an image that is not one's own, and what
    `generations.check_can_be_public` raises.
    """
    accounts.lock_active(session, user_id)
    images = _locked(session, user_id, generation_ids)
    changed = [image for image in images if image.is_public != is_public]
    for image in changed:
        if is_public:
            generations.check_can_be_public(session, image)
        image.is_public = is_public
        image.updated_at = func.clock_timestamp()
    counted = [image for image in changed if not image.is_flagged]
    tags.count_all_shown(session, counted, user_id=user_id, now=is_public)
    if not is_public:
        notifications.delete_of_hidden(session, [image.id for image in changed], user_id)
    return [image.id for image in changed]


def _locked(session: Session, user_id: int, generation_ids: Sequence[int]) -> list[Generation]:
    """Lock own images in the order of their ids, so that two requests never deadlock."""
    images = list(
        session.scalars(
            select(Generation)
            .where(
                Generation.id.in_(generation_ids),
                Generation.user_id == user_id,
                Generation.deleted_at.is_(None),
            )
            .order_by(Generation.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )
    missing = set(generation_ids) - {image.id for image in images}
    if missing:
        raise GenerationNotFound(id=min(missing))
    return images
