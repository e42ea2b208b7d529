"""/notifications/settings: which kinds of notifications a user gets, and how often by mail."""

from flask import Blueprint, Response

from webapp.domain.errors import ValidationFailed
from webapp.domain.queries import (
    mail_digests as digest_queries,
    notification_settings as setting_queries,
)
from webapp.domain.services import mail_digest_settings, notification_settings
from webapp.extensions import app_settings, db
from webapp.http import envelope, localize
from webapp.http.access import signed_in, user
from webapp.http.operations import operation
from webapp.schemas.notification_settings import NotificationSettingChanges, NotificationSettings

blueprint = Blueprint("notification_settings", __name__)


@blueprint.get("/notifications/settings")
@signed_in
@operation(gives=NotificationSettings)
def read() -> Response:
    """List the kinds of notifications, which of them one gets, and how often they are mailed."""
    return _answer()


@blueprint.patch("/notifications/settings")
@signed_in
@operation(gives=NotificationSettings, errors=(ValidationFailed,))
def change(body: NotificationSettingChanges) -> Response:
    """Switch kinds of notifications off or on; a kind that is off makes none from now on."""
    notification_settings.change(db.session(), user=user(), in_bell=body.in_bell())
    if body.mail_digest is not None:
        mail_digest_settings.choose(
            db.session(),
            user=user(),
            frequency=body.mail_digest,
            language=localize.language(),
            is_offered=app_settings().sends_mail,
        )
    return _answer()


def _answer() -> Response:
    frequency = digest_queries.frequency(db.session(), user().id)
    return envelope.success(
        {
            "kinds": setting_queries.own(db.session(), user().id),
            "mail_digest": frequency if app_settings().sends_mail else None,
        }
    )
