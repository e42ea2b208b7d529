"""/notifications: what happened, told in the reader's language; what of it is unread."""

from typing import Any

from flask import Blueprint, Response
from flask_babel import gettext

from webapp.api import bodies, envelope
from webapp.api.access import signed_in, user
from webapp.api.operations import operation
from webapp.domain.errors import NotFound
from webapp.domain.services import notification_views, notifications
from webapp.extensions import db, storage
from webapp.schemas.notifications import (
    AllRead,
    NotificationList,
    NotificationListQuery,
    NotificationRead,
    UnreadCount,
)

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/notifications")
@signed_in
@operation(gives=NotificationList, links={"notification_id": "/results/0/id"})
def list_own(query: NotificationListQuery) -> Response:
    """List what one was told, newest first."""
    page = notification_views.own(
        db.session(),
        storage(),
        user_id=user().id,
        unread_only=query.unread_only,
        page=bodies.page(query),
    )
    told = [_told(row) for row in page.results]
    return envelope.success(envelope.listed(told, page.next_cursor) | _unread())


@blueprint.get("/notifications/unread-count")
@signed_in
@operation(gives=UnreadCount)
def read_unread_count() -> Response:
    """Count what one has not read."""
    return envelope.success(_unread())


@blueprint.patch("/notifications/<id:notification_id>/read")
@signed_in
@operation(gives=NotificationRead, errors=(NotFound,))
def mark_read(notification_id: int) -> Response:
    """Note that one has read a notification."""
    notifications.mark_read(db.session(), user().id, notification_id)
    return envelope.success({"id": notification_id, "is_read": True})


@blueprint.post("/notifications/read-all")
@blueprint.route("/notifications/mark-all-read", methods=["POST", "PATCH"])
@signed_in
@operation(gives=AllRead)
def mark_all_read() -> Response:
    """Note that one has read everything."""
    return envelope.success({"updated_count": notifications.mark_all_read(db.session(), user().id)})


def _unread() -> dict[str, int]:
    return {"unread_count": notifications.unread_count(db.session(), user().id)}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    words = gettext("notification." + row["type"])
    actor = (row["actor"] or {}).get("username", "")
    return row | {"message": words % {"title": row["target"]["title"], "actor": actor}}
