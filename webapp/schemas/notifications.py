"""Queries about notifications, and what our own workers report."""

from typing import Any, Literal

from webapp.domain.models.notification import NotificationType
from webapp.schemas.fields import Body, Id, PageQuery


class NotificationListQuery(PageQuery):
    """GET /notifications."""

    unread_only: bool = False


class NewNotification(Body):
    """POST /notifications; `metadata` is for the sender's own logs, nothing of it is kept."""

    recipient_id: Id
    type: NotificationType
    target_type: Literal["generation", "style", "user", "comment", "purchase", "set_job"]
    target_id: Id
    metadata: dict[str, Any] | None = None
