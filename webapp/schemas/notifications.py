"""Queries and answers about notifications, and what our own workers report."""

from typing import Annotated, Literal

from pydantic import Field

from webapp.domain.models.documents import NotificationDetails
from webapp.domain.models.notification import NotificationType
from webapp.schemas.fields import (
    MAX_BIGINT,
    Answer,
    Body,
    Count,
    Id,
    Listed,
    Name,
    PageQuery,
    SeenText,
    Time,
    Url,
)
from webapp.schemas.generations import Person

TargetType = Literal[
    "generation",
    "style",
    "user",
    "comment",
    "purchase",
    "payout",
    "set_job",
    "report",
    "data_export",
    "mail_digest",
    "webhook",
]
Label = Annotated[SeenText, Field(min_length=1, max_length=50, examples=["attempt"])]
Value = (
    Annotated[SeenText, Field(max_length=200)]
    | Annotated[int, Field(ge=-MAX_BIGINT, le=MAX_BIGINT)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | bool
    | None
)
Metadata = Annotated[dict[Label, Value], Field(max_length=20, examples=[{"attempt": 1}])]


class NotificationListQuery(PageQuery):
    """GET /notifications."""

    unread_only: bool = False


class NewNotification(Body):
    """POST /notifications; `metadata` is a flat map of few short values, kept and shown."""

    recipient_id: Id
    type: NotificationType
    target_type: TargetType
    target_id: Id
    metadata: Metadata | None = None


class Target(Answer):
    """What a notification is about; `generation_id` is the image to open, also of a comment."""

    title: Name | None
    thumbnail_url: Url | None
    excerpt: str | None = Field(examples=[None])
    generation_id: Id | None


class NotificationView(Answer):
    """One notification, with its text in the reader's language."""

    id: Id
    type: NotificationType
    actor: Person | None
    target_type: TargetType
    target_id: Id
    target: Target
    count: int = Field(
        ge=1,
        examples=[1],
        description="likes of a picture, its comments by the actor, finished pictures of an order;"
        " else 1",
    )
    metadata: NotificationDetails = Field(examples=[{"attempt": 1}])
    message: str = Field(examples=["mina likes your picture in “Ink Harbor”."])
    is_read: bool = Field(examples=[False])
    created_at: Time


class NotificationList(Listed[NotificationView]):
    """GET /notifications."""

    unread_count: Count


class UnreadCount(Answer):
    """GET /notifications/unread-count."""

    unread_count: Count


class NotificationRead(Answer):
    """PATCH /notifications/:id/read."""

    id: Id
    is_read: Literal[True]


class AllRead(Answer):
    """POST /notifications/read-all."""

    updated_count: Count


class Newest(UnreadCount):
    """GET /notifications/events."""

    latest: NotificationView | None
