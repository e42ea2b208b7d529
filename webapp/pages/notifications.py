"""/notifications: the user's notifications by day, with links, and the unread count."""

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain import notification_words
from webapp.domain.queries import notifications as notification_queries
from webapp.domain.services import notifications
from webapp.extensions import db, storage
from webapp.http import bodies, localize
from webapp.http.access import signed_in, user
from webapp.http.localize import LocalizedNotification
from webapp.pages import clock, links
from webapp.pages.fragments import is_fragment
from webapp.schemas.notifications import NotificationListQuery

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/notifications")
@signed_in
def show() -> str:
    """Show notifications, newest first; for htmx, a fragment."""
    query = bodies.query(NotificationListQuery)
    page = notification_queries.own(
        db.session(),
        storage(),
        user_id=user().id,
        unread_only=query.unread_only,
        page=bodies.page(query),
    )
    days = _by_day([localize.notification(row) for row in page.results])
    piece = "rows" if query.cursor else "list"
    return render_template(
        f"notifications/{piece if is_fragment() else 'index'}.html",
        days=days,
        # A day that started on the previous page has its heading there.
        begun=request.args.get("day"),
        next_cursor=page.next_cursor,
        unread_only=query.unread_only,
    )


@blueprint.post("/notifications/<id:notification_id>/read")
@signed_in
def mark_read(notification_id: int) -> AnyResponse:
    """Mark a notification as read."""
    notifications.mark_read(db.session(), user().id, notification_id)
    return _back()


@blueprint.post("/notifications/read")
@signed_in
def mark_all_read() -> AnyResponse:
    """Mark all notifications as read."""
    notifications.mark_all_read(db.session(), user().id)
    return _back()


blueprint.app_template_filter("notification_page")(notification_words.page)


def _back() -> AnyResponse:
    return redirect(links.with_known(".show", links.NOTIFICATIONS), 303)


def _by_day(
    notices: list[LocalizedNotification],
) -> list[tuple[str, list[LocalizedNotification]]]:
    """Group notifications by the reader's days."""
    days: dict[str, list[LocalizedNotification]] = {}
    for notice in notices:
        days.setdefault(clock.day_name(notice.created_at), []).append(notice)
    return list(days.items())
