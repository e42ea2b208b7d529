"""/notifications/settings: which kinds of notifications a user gets."""

from flask import Blueprint, Response

from webapp.domain.errors import ValidationFailed
from webapp.domain.queries import notification_settings as setting_queries
from webapp.domain.services import notification_settings
from webapp.extensions import db
from webapp.http import envelope
from webapp.http.access import signed_in, user
from webapp.http.operations import operation
from webapp.schemas.notification_settings import NotificationSettingChanges, NotificationSettings

blueprint = Blueprint("notification_settings", __name__)


@blueprint.get("/notifications/settings")
@signed_in
@operation(gives=NotificationSettings)
def read() -> Response:
    """List the kinds of notifications, and which of them one gets."""
    return envelope.success({"kinds": setting_queries.own(db.session(), user().id)})


@blueprint.patch("/notifications/settings")
@signed_in
@operation(gives=NotificationSettings, errors=(ValidationFailed,))
def change(body: NotificationSettingChanges) -> Response:
    """Switch kinds of notifications off or on; a kind that is off makes none from now on."""
    notification_settings.change(db.session(), user=user(), in_bell=body.in_bell())
    return envelope.success({"kinds": setting_queries.own(db.session(), user().id)})
