"""/notifications: the user's notifications by day, with links, and the unread count."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.models.notification import NotificationType
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
MOST_UNREAD = 99  # more are not counted, so that no page waits for the count
PAGES = {
    "generation": "/g/{}",
    "style": "/styles/{}",
    "user": "/users/{}",
}


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


@blueprint.app_template_filter("notification_page")
def notification_page(notice: LocalizedNotification) -> str | None:
    """Return the page a notification links to; None when there is none or it was deleted."""
    picture_id = notice.target.generation_id
    if notice.type == NotificationType.PAYMENT_COMPLETE or notice.target_type == "purchase":
        return url_for("pages.wallet.show")
    if notice.type == NotificationType.COMMENT:
        return f"/g/{picture_id}#comment-{notice.target_id}" if picture_id else None
    if notice.target_type == "set_job":
        job_id = notice.metadata.get("job_id")
        return f"/sets/{job_id}" if job_id else None
    if notice.target_type == "generation" and picture_id is None:
        return None
    page = PAGES.get(notice.target_type)
    return page and page.format(notice.target_id)


def unread() -> int:
    """Return the number of unread notifications of the user, at most MOST_UNREAD + 1."""
    return notifications.unread_count(db.session(), user().id, most=MOST_UNREAD + 1)


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
