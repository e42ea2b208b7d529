"""Queries and answers about notifications."""

from typing import Literal

from pydantic import Field

from webapp.domain.models.notification import NotificationType
from webapp.schemas.fields import Answer, Count, Id, Listed, Name, PageQuery, Time, Url
from webapp.schemas.generations import Person


class NotificationListQuery(PageQuery):
    """GET /notifications."""

    unread_only: bool = False


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
    target_type: Literal["style", "generation", "comment", "user", "order"]
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
