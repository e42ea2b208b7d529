"""/notifications: a user's notifications with texts, the unread count, and the stream of both."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response
from flask_login import current_user
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.queries import notifications as notification_queries
from webapp.domain.services import accounts, notifications
from webapp.extensions import db, storage
from webapp.http import bodies, envelope, event_streams, localize
from webapp.http.access import RENDERER, SETS, TRAINER, internal, signed_in, user
from webapp.http.localize import LocalizedNotification
from webapp.http.operations import EVENTS, operation
from webapp.schemas.notifications import (
    AllRead,
    Newest,
    NewNotification,
    NotificationList,
    NotificationListQuery,
    NotificationRead,
    NotificationView,
    UnreadCount,
)

blueprint = Blueprint("notifications", __name__)


@dataclass(frozen=True, slots=True)
class News:
    """The unread count, and the newest notification if there is one."""

    unread_count: int
    latest: LocalizedNotification | None


@blueprint.get("/notifications")
@signed_in
@operation(gives=NotificationList, links={"notification_id": "/results/0/id"})
def list_own(query: NotificationListQuery) -> Response:
    """List one's own notifications, newest first."""
    page = notification_queries.own(
        db.session(),
        storage(),
        user_id=user().id,
        unread_only=query.unread_only,
        page=bodies.page(query),
    )
    results = [localize.notification(row) for row in page.results]
    return envelope.success(envelope.listed(results, page.next_cursor) | _unread())


@blueprint.get("/notifications/unread-count")
@signed_in
@operation(gives=UnreadCount)
def read_unread_count() -> Response:
    """Count one's unread notifications."""
    return envelope.success(_unread())


@blueprint.get("/notifications/events")
@signed_in
@operation(gives=Newest, media=EVENTS)
def watch() -> Response:
    """Stream the unread count and the newest notification, until the session ends."""
    user_id, sign_in_id, objects = user().id, current_user.sign_in_id, storage()

    def stamp(session: Session) -> tuple[Any, ...]:
        accounts.signed_in_user(session, sign_in_id)
        return notification_queries.stamp(session, user_id)

    return event_streams.stream(
        stamp=stamp,
        read=lambda session: _news(session, objects, user_id),
        is_final=lambda _news: False,
        # Every open page holds one, so it polls less often: two seconds later is soon enough.
        poll_factor=3,
    )


def _news(session: Session, objects: Storage, user_id: int) -> News:
    latest = notification_queries.newest(session, objects, user_id=user_id)
    return News(
        unread_count=notifications.unread_count(session, user_id),
        latest=None if latest is None else localize.notification(latest),
    )


@blueprint.post("/notifications")
@internal(TRAINER, RENDERER, SETS)
@operation(gives=NotificationView, status=(201, 200), errors=(NotFound,))
def create(body: NewNotification) -> Response:
    """Create a notification once; a repeated one is answered with 200."""
    notification_id, is_new = notifications.notify_once(
        db.session(),
        body.recipient_id,
        body.type,
        target_type=body.target_type,
        target_id=body.target_id,
        details=body.metadata or {},
    )
    view = localize.notification(notification_queries.one(db.session(), storage(), notification_id))
    if is_new:
        return envelope.created(view, f"/api/v1/notifications/{notification_id}")
    return envelope.success(view)


@blueprint.patch("/notifications/<id:notification_id>/read")
@signed_in
@operation(gives=NotificationRead, errors=(NotFound,))
def mark_read(notification_id: int) -> Response:
    """Mark a notification as read."""
    notifications.mark_read(db.session(), user().id, notification_id)
    return envelope.success({"id": notification_id, "is_read": True})


@blueprint.post("/notifications/read-all")
@blueprint.route("/notifications/mark-all-read", methods=["POST", "PATCH"])
@signed_in
@operation(gives=AllRead)
def mark_all_read() -> Response:
    """Mark all notifications as read."""
    return envelope.success({"updated_count": notifications.mark_all_read(db.session(), user().id)})


def _unread() -> dict[str, int]:
    return {"unread_count": notifications.unread_count(db.session(), user().id)}
