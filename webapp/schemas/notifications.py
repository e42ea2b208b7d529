"""Queries about notifications."""

from webapp.schemas.fields import PageQuery


class NotificationListQuery(PageQuery):
    """GET /notifications."""

    unread_only: bool = False
