"""/notifications: what happened, told in the reader's language and live; what of it is unread."""

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


@blueprint.get("/notifications")
@signed_in
@operation(gives=NotificationList, links={"notification_id": "/results/0/id"})
def list_own(query: NotificationListQuery) -> Response:
    """List what one was told, newest first."""
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
    """Count what one has not read."""
    return envelope.success(_unread())


@blueprint.get("/notifications/events")
@signed_in
@operation(gives=Newest, media=EVENTS)
def watch() -> Response:
    """Stream how much is unread and what is newest, for as long as this session lasts."""
    person_id, sign_in_id, objects = user().id, current_user.sign_in_id, storage()

    def stamp(session: Session) -> tuple[Any, ...]:
        accounts.signed_in_user(session, sign_in_id)
        return notification_queries.stamp(session, person_id)

    return event_streams.stream(
        stamp=stamp,
        look=lambda session: _news(session, objects, person_id),
        is_final=lambda _news: False,
        # Every page that is looked at holds one: it may be told two seconds later.
        rarer=3,
    )


def _news(session: Session, objects: Storage, person_id: int) -> dict[str, Any]:
    latest = notification_queries.newest(session, objects, user_id=person_id)
    return {
        "unread_count": notifications.unread_count(session, person_id),
        "latest": None if latest is None else localize.notification(latest),
    }


@blueprint.post("/notifications")
@internal(TRAINER, RENDERER, SETS)
@operation(gives=NotificationView, status=(201, 200), errors=(NotFound,))
def tell(body: NewNotification) -> Response:
    """Tell somebody something, once; a second telling is answered with 200."""
    told_id, is_new = notifications.notify_once(
        db.session(),
        body.recipient_id,
        body.type,
        target_type=body.target_type,
        target_id=body.target_id,
        details=body.metadata or {},
    )
    view = localize.notification(notification_queries.one(db.session(), storage(), told_id))
    if is_new:
        return envelope.created(view, f"/api/v1/notifications/{told_id}")
    return envelope.success(view)


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
