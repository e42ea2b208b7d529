"""Read a user's notifications: their type, target and actor.

No text is stored: `webapp.http.localize` makes the sentence from the type, the actor and the
target's title, in the language of the request.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, case, cast, func, select
from sqlalchemy.orm import Session, aliased

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.comment import Comment
from webapp.domain.models.documents import NotificationDetails
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.like import Like
from webapp.domain.models.notification import GROUP, Notification, NotificationType
from webapp.domain.models.notification_setting import KIND_OF, NotificationSetting
from webapp.domain.models.payment import Purchase
from webapp.domain.models.style import Style
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.users import UserSummary
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import generations, notification_groups, notifications

MAX_EXCERPT = 80


def _event_count() -> ColumnElement[int]:
    """Return how many events a row stands for: likes, comments, or pictures of an order.

    An order has at most four pictures; the likes of a picture are counted in its row.
    """
    other = aliased(Generation)
    finished = select(func.count()).where(
        other.order_id == Generation.order_id,
        other.status == GenerationStatus.COMPLETED,
        other.deleted_at.is_(None),
    )
    own_like = select(func.count()).where(
        Like.generation_id == Generation.id, Like.user_id == Notification.recipient_id
    )
    comments = notification_groups.comments_of_group().with_only_columns(func.count())
    return case(
        (~Notification.dedupe_key.contains(GROUP, autoescape=True), 1),
        (
            Notification.type == NotificationType.LIKE,
            Generation.like_count - own_like.correlate(Generation, Notification).scalar_subquery(),
        ),
        (Notification.type == NotificationType.COMMENT, comments.scalar_subquery()),
        else_=finished.correlate(Generation).scalar_subquery(),
    )


COLUMNS = (
    Notification.id,
    Notification.recipient_id,
    Notification.type,
    Notification.actor_id,
    Notification.target_type,
    Notification.target_id,
    Notification.details,
    Notification.is_read,
    Notification.created_at,
    User.username.label("actor_name"),
    User.display_name.label("actor_display_name"),
    User.profile_image_key.label("actor_image_key"),
    case(
        (Notification.target_type == "user", User.username),
        # an order is of tokens or of credits, never of both
        (
            Notification.target_type == "purchase",
            cast(Purchase.amount_tokens + Purchase.amount_credits, Text),
        ),
        else_=Style.name,
    ).label("title"),
    func.coalesce(Generation.thumbnail_key, Style.thumbnail_key).label("thumbnail_key"),
    Generation.id.label("generation_id"),
    _event_count().label("event_count"),
    Comment.content,
    Comment.is_hidden,
    *generations.VISIBILITY,
)


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a notification.

    `title` is the name of a style, a username, or the amount of a purchase. `generation_id` is the
    picture to open, also of a comment. All but the title are None when the reader may not see the
    picture; `excerpt` is the start of a comment that is not hidden.
    """

    title: str | None
    thumbnail_url: str | None
    excerpt: str | None
    generation_id: int | None


@dataclass(frozen=True, slots=True)
class NotificationView:
    """A notification without its text.

    `count` is the number of its events: likes of a picture, comments of its actor on a picture,
    finished pictures of an order, else 1.
    `metadata` is a JSON column: a flat map of few short values, different for each type.
    """

    id: int
    type: NotificationType
    actor: UserSummary | None
    target_type: str
    target_id: int
    target: Target
    count: int
    metadata: NotificationDetails
    is_read: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """Unread notifications of a span of time: the newest ones, and how many there are in all."""

    newest: list[NotificationView]
    count: int


def own(
    session: Session, storage: Storage, *, user_id: int, unread_only: bool, page: PageRequest
) -> Page[NotificationView]:
    """List a user's notifications, newest first."""
    ids = select(Notification.id).where(Notification.recipient_id == user_id)
    if unread_only:
        ids = ids.where(~Notification.is_read)
    keyset = Keyset(
        [(Notification.created_at, "created_at", datetime), (Notification.id, "id", int)],
        {"list": "notifications", "user_id": user_id, "unread_only": unread_only},
    )
    rows = session.execute(keyset.look_up(_with_targets(), keyset.apply(ids, page))).all()
    return keyset.page(rows, page, lambda row: _view(storage, row))


def news(session: Session, *, user_id: int, since: datetime, until: datetime, most: int) -> News:
    """Return what a user has not read of a span of time, without the kinds that are off by now.

    Without URLs of files: a mail shows no pictures, and who sends it knows no storage.
    """
    off = select(NotificationSetting.kind).where(
        NotificationSetting.user_id == user_id, ~NotificationSetting.in_bell
    )
    kinds_off = set(session.scalars(off))
    conditions = (
        Notification.recipient_id == user_id,
        ~Notification.is_read,
        Notification.created_at > since,
        Notification.created_at <= until,
        Notification.type.not_in([type_ for type_, kind in KIND_OF.items() if kind in kinds_off]),
    )
    count = session.scalar(select(func.count()).where(*conditions)) or 0
    rows = session.execute(
        _with_targets()
        .where(*conditions)
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(most)
    )
    return News([_view(None, row) for row in rows], count)


def one(session: Session, storage: Storage, notification_id: int) -> NotificationView:
    """Return one notification."""
    row = session.execute(_with_targets().where(Notification.id == notification_id)).one()
    return _view(storage, row)


def newest(session: Session, storage: Storage, *, user_id: int) -> NotificationView | None:
    """Return a user's newest notification, or None."""
    row = session.execute(
        _with_targets()
        .where(Notification.recipient_id == user_id)
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _view(storage, row)


def stamp(session: Session, user_id: int) -> tuple[Any, ...]:
    """Return the unread count, and id and time of the newest notification.

    They change with each new or read notification, and with each event of a group.
    """
    newest_first = (
        select(Notification.id, Notification.created_at)
        .where(Notification.recipient_id == user_id)
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(1)
    )
    newest_row = session.execute(newest_first).one_or_none()
    return notifications.unread_count(session, user_id), newest_row and tuple(newest_row)


def _with_targets() -> AnySelect:
    """Select notifications with their target: a comment, picture, style or purchase."""
    comment_id = case((Notification.target_type == "comment", Notification.target_id))
    generation_id = case((Notification.target_type == "generation", Notification.target_id))
    purchase_id = case((Notification.target_type == "purchase", Notification.target_id))
    style_id = case((Notification.target_type == "style", Notification.target_id))
    return (
        select(*COLUMNS)
        .outerjoin(User, User.id == Notification.actor_id)
        .outerjoin(Comment, Comment.id == comment_id)
        .outerjoin(Generation, Generation.id == func.coalesce(Comment.generation_id, generation_id))
        .outerjoin(Purchase, Purchase.id == purchase_id)
        .outerjoin(Style, Style.id == func.coalesce(Generation.style_id, style_id))
    )


def _view(storage: Storage | None, row: AnyRow) -> NotificationView:
    # The owner may have made the picture private since; then there is no link, thumbnail or text.
    is_visible = row.user_id is None or generations.may_see(Viewer(row.recipient_id), row)

    def url(key: str | None) -> str | None:
        return None if storage is None else signed_url(storage, key)

    actor = None
    if row.actor_id is not None:
        actor = UserSummary(
            id=row.actor_id,
            username=row.actor_name,
            display_name=row.actor_display_name,
            profile_image=url(row.actor_image_key),
        )
    return NotificationView(
        id=row.id,
        type=row.type,
        actor=actor,
        target_type=row.target_type,
        target_id=row.target_id,
        target=Target(
            title=row.title,
            thumbnail_url=url(row.thumbnail_key) if is_visible else None,
            excerpt=_excerpt(row) if is_visible else None,
            generation_id=row.generation_id if is_visible else None,
        ),
        count=max(row.event_count or 1, 1),
        metadata=row.details,
        is_read=row.is_read,
        created_at=row.created_at,
    )


def _excerpt(row: AnyRow) -> str | None:
    """Return the start of a comment; None without a comment, or for a hidden one."""
    if row.content is None or row.is_hidden:
        return None
    words = " ".join(row.content.split())
    return words if len(words) <= MAX_EXCERPT else words[: MAX_EXCERPT - 1].rstrip() + "…"
