"""/unsubscribe: switch a mail digest off by the link of a mail, without a sign-in.

Programs that scan mails open their links, so GET changes nothing. Mail programs send the same POST
as the button of the page (RFC 8058), and follow no redirect.
"""

from flask import Blueprint, render_template

from webapp.domain.models.mail_digest import DigestFrequency
from webapp.domain.services import mail_digest_settings
from webapp.extensions import db
from webapp.http.access import public

blueprint = Blueprint("mail_digests", __name__, url_prefix="/unsubscribe")


@blueprint.get("/<id:user_id>/<link_signature>")
@public
def show(user_id: int, link_signature: str) -> str:
    """Ask whether the digest is to be switched off."""
    setting = mail_digest_settings.check_link(db.session(), user_id, link_signature)
    return _page(is_off=setting.frequency == DigestFrequency.OFF)


@blueprint.post("/<id:user_id>/<link_signature>")
@public
def switch_off(user_id: int, link_signature: str) -> str:
    """Switch the digest off."""
    mail_digest_settings.unsubscribe(db.session(), user_id, link_signature)
    return _page(is_off=True)


def _page(*, is_off: bool) -> str:
    return render_template("notifications/unsubscribe.html", is_off=is_off)
