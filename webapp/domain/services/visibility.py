"""Who sees an image: everybody, or its owner. Several are changed together, or none."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    GenerationNotFound,
    GenerationStillProcessing,
    InvalidTransition,
    TryOutPrivate,
)
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.services import accounts, notifications, sets_canvases, tags
from webapp.domain.sets_errors import RestylePrivate

MAX_PICTURES = 50  # at once


def change(
    session: Session, *, user_id: int, generation_ids: Sequence[int], is_public: bool
) -> list[int]:
    """Make own images public or private; return the ids of those that were not so before.

    Raises GenerationNotFound for an image that is not one's own, and what
    `check_can_be_public` raises.
    """
    accounts.lock_active(session, user_id)
    images = _locked(session, user_id, generation_ids)
    return set_public(session, images, user_id=user_id, is_public=is_public)


def set_public(
    session: Session, images: Sequence[Generation], *, user_id: int, is_public: bool
) -> list[int]:
    """Make locked images of one person public or private; return the ids of those that change.

    Raises what `check_can_be_public` raises.
    """
    if is_public:
        for image in images:
            check_can_be_public(session, image)
    changed = [image for image in images if image.is_public != is_public]
    for image in changed:
        image.is_public = is_public
        image.updated_at = func.clock_timestamp()
    counted = [image for image in changed if not image.is_flagged]
    tags.count_all_shown(session, counted, user_id=user_id, now=is_public)
    changed_ids = [image.id for image in changed]
    if not is_public:
        notifications.delete_of_hidden(session, changed_ids, user_id)
    return changed_ids


def check_can_be_public(session: Session, generation: Generation) -> None:
    """Raise GenerationStillProcessing or InvalidTransition when there is no image to show.

    Raises TryOutPrivate for a try-out, RestylePrivate for a part of a photo of Sets.
    """
    if generation.is_try_out:
        raise TryOutPrivate
    if sets_canvases.is_canvas(session, generation.id):
        raise RestylePrivate
    if generation.status in {GenerationStatus.FAILED, GenerationStatus.CANCELED}:
        raise InvalidTransition(
            **{
                "from": generation.status,
                "action": "publish",
                "allowed": [GenerationStatus.COMPLETED],
            }
        )
    if generation.status != GenerationStatus.COMPLETED:
        raise GenerationStillProcessing(generation_ids=[generation.id])


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
