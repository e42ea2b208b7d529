"""/notifications/settings: which kinds of notifications a user gets, and how often by mail."""

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import LazyString, lazy_gettext as _
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.models.mail_digest import DigestFrequency
from webapp.domain.models.notification_setting import ALWAYS_ON, NotificationKind
from webapp.domain.queries import (
    mail_digests as digest_queries,
    notification_settings as setting_queries,
)
from webapp.domain.services import mail_digest_settings, notification_settings, notifications
from webapp.extensions import app_settings, db
from webapp.http import localize
from webapp.http.access import signed_in, user
from webapp.pages import page_header, words

blueprint = Blueprint("notification_settings", __name__)


@dataclass(frozen=True)
class KindWords:
    """The name of a kind, and what its notifications say."""

    name: LazyString
    about: LazyString


WORDS = {
    NotificationKind.LIKES: KindWords(_("Likes"), _("Somebody likes a picture of yours.")),
    NotificationKind.COMMENTS: KindWords(
        _("Comments"), _("Comments on your pictures, and replies to you.")
    ),
    NotificationKind.FOLLOWS: KindWords(_("Followers"), _("Somebody follows you.")),
    NotificationKind.ORDERS: KindWords(_("Orders"), _("Your pictures and albums are ready.")),
    NotificationKind.STYLES: KindWords(
        _("Your styles"), _("A training ended, or a style has to be trained again.")
    ),
    NotificationKind.SALES: KindWords(_("Sales"), _("Once a day, what each of your styles sold.")),
    NotificationKind.MONEY: KindWords(
        _("Payments and refunds"), _("Payments, refunds, and orders that failed and were refunded.")
    ),
    NotificationKind.REPORTS: KindWords(
        _("Decisions of administrators"), _("What became of your reports.")
    ),
    NotificationKind.ACCOUNT: KindWords(
        _("Your account"), _("A copy of your data is ready, or mails or webhooks were stopped.")
    ),
}
FREQUENCIES = {
    DigestFrequency.OFF: _("No mails"),
    DigestFrequency.DAILY: _("Every morning"),
    DigestFrequency.WEEKLY: _("Every Monday morning"),
}
OF_ARTISTS = frozenset({NotificationKind.STYLES, NotificationKind.SALES})


@blueprint.get("/notifications/settings")
@signed_in
def show() -> str:
    """Show the kinds of notifications that concern the user, with a checkbox for each."""
    page_header.mark_seen(notifications.of_targets("mail_digest"))
    kinds = [each for each in setting_queries.own(db.session(), user().id) if _concerns(each.kind)]
    return render_template(
        "notifications/settings.html",
        kinds=kinds,
        texts=WORDS,
        frequencies=FREQUENCIES if app_settings().sends_mail else None,
        frequency=digest_queries.frequency(db.session(), user().id),
        saved=words.SAVED.get(request.args.get("saved", "")),
    )


@blueprint.post("/notifications/settings")
@signed_in
def change() -> AnyResponse:
    """Switch on the kinds that are checked, and off the others that the form shows.

    A form without a frequency, or with one that is not known, changes nothing of the mails.
    """
    checked = set(request.form.getlist("in_bell"))
    chosen = {
        kind: kind in checked
        for kind in NotificationKind
        if _concerns(kind) and kind not in ALWAYS_ON
    }
    notification_settings.change(db.session(), user=user(), in_bell=chosen)
    frequency = request.form.get("mail_digest")
    if frequency in FREQUENCIES and app_settings().sends_mail:
        mail_digest_settings.choose(
            db.session(),
            user=user(),
            frequency=DigestFrequency(frequency),
            language=localize.language(),
            is_offered=True,
        )
    return redirect(url_for(".show", saved="notifications"), 303)


def _concerns(kind: NotificationKind) -> bool:
    return kind not in OF_ARTISTS or user().artist is not None
