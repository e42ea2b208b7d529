"""Queries and answers about notifications, and what our own workers report."""

from typing import Any, Literal

from pydantic import Field

from webapp.domain.models.notification import NotificationType
from webapp.schemas.fields import Answer, Body, Count, Id, Listed, Name, PageQuery, Time, Url
from webapp.schemas.generations import Person

TargetType = Literal["generation", "style", "user", "comment", "purchase", "set_job"]


class NotificationListQuery(PageQuery):
    """GET /notifications."""

    unread_only: bool = False


class NewNotification(Body):
    """POST /notifications; `metadata` is for the sender's own logs, nothing of it is kept."""

    recipient_id: Id
    type: NotificationType
    target_type: TargetType
    target_id: Id
    metadata: dict[str, Any] | None = None


class Target(Answer):
    """What a notification is about."""

    title: Name | None
    thumbnail_url: Url | None
    excerpt: str | None = Field(examples=[None])


class NotificationView(Answer):
    """One notification, told in the reader's language."""

    id: Id
    type: NotificationType
    actor: Person | None
    target_type: TargetType
    target_id: Id
    target: Target
    message: str = Field(examples=["mina likes your image in “Ink Harbor”."])
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
