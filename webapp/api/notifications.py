"""/notifications: what happened, told in the reader's language; what of it is unread."""

from typing import Any

from flask import Blueprint, Response
from flask_babel import gettext

from webapp.api import bodies, envelope
from webapp.api.access import signed_in, user
from webapp.domain.models.notification import NotificationType
from webapp.domain.services import notification_views, notifications
from webapp.extensions import db, storage
from webapp.schemas.notifications import NotificationListQuery

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/notifications")
@signed_in
def list_own() -> Response:
    """List what one was told, newest first."""
    asked = bodies.query(NotificationListQuery)
    page = notification_views.own(
        db.session(),
        storage(),
        user_id=user().id,
        unread_only=asked.unread_only,
        page=bodies.page(asked),
    )
    told = [_told(row) for row in page.results]
    return envelope.success(envelope.listed(told, page.next_cursor) | _unread())


@blueprint.get("/notifications/unread-count")
@signed_in
def read_unread_count() -> Response:
    """Count what one has not read."""
    return envelope.success(_unread())


@blueprint.patch("/notifications/<id:notification_id>/read")
@signed_in
def mark_read(notification_id: int) -> Response:
    """Note that one has read a notification."""
    notifications.mark_read(db.session(), user().id, notification_id)
    return envelope.success({"id": notification_id, "is_read": True})


@blueprint.post("/notifications/read-all")
@blueprint.route("/notifications/mark-all-read", methods=["POST", "PATCH"])
@signed_in
def mark_all_read() -> Response:
    """Note that one has read everything."""
    return envelope.success({"updated_count": notifications.mark_all_read(db.session(), user().id)})


def _unread() -> dict[str, int]:
    return {"unread_count": notifications.unread_count(db.session(), user().id)}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    target = row["target"]
    told = row["type"]
    if told == NotificationType.COMMENT and target["excerpt"] is None:
        told = "comment_gone"
    actor = (row["actor"] or {}).get("username", "")
    values = {"title": target["title"], "excerpt": target["excerpt"], "actor": actor}
    return row | {"message": gettext("notification." + told) % values}
