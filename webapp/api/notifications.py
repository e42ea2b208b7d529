"""/notifications: how many are unread."""

from flask import Blueprint, Response

from webapp.api import envelope
from webapp.api.access import signed_in, user
from webapp.domain.services import notifications
from webapp.extensions import db

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/notifications/unread-count")
@signed_in
def read_unread_count() -> Response:
    """Count what one has not read."""
    return envelope.success({"unread_count": notifications.unread_count(db.session(), user().id)})
