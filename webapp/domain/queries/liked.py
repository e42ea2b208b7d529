"""The pictures that a user likes, the newest like first."""

from datetime import datetime

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.generation import Generation
from webapp.domain.models.like import Like
from webapp.domain.queries import feed
from webapp.domain.queries.feed import FeedCard
from webapp.domain.queries.pagination import Keyset, Page, PageRequest


def pictures(
    session: Session, storage: Storage, *, user_id: int, page: PageRequest
) -> Page[FeedCard]:
    """List the pictures that a user likes and may see.

    A picture that became private or hidden is left out before the page is filled, so that no short
    page tells of it.
    """
    keyset = Keyset(
        [(Like.created_at, "liked_at", datetime), (Like.generation_id, "id", int)],
        {"list": "liked", "user_id": user_id},
    )
    visible = (
        select(Like.created_at.label("liked_at"), Like.generation_id.label("id"))
        .join(Generation, Generation.id == Like.generation_id)
        .where(Like.user_id == user_id, feed.visible_to(user_id))
    )
    statement = (
        feed.cards(true())
        .add_columns(Like.created_at.label("liked_at"))
        .join(Like, Like.generation_id == Generation.id)
        .where(Like.user_id == user_id)
    )
    rows = session.execute(keyset.look_up(statement, keyset.apply(visible, page))).all()
    return keyset.page(rows, page, lambda row: feed.card(storage, row))
