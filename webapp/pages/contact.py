"""/contact: the business that runs this site, as configured."""

import re

from flask import Blueprint, render_template

from webapp.extensions import app_settings
from webapp.http.access import public
from webapp.pages import structured_data

blueprint = Blueprint("contact", __name__)


@blueprint.get("/contact")
@public
def show() -> str:
    """Show the business data, or that none are stated."""
    operator = app_settings().operator
    return render_template(
        "documents/contact.html",
        operator=operator,
        dialled=dialled(operator.phone or ""),
        structured_data=structured_data.organization(operator),
    )


def dialled(phone: str) -> str:
    """Return the digits of a phone number, with a leading plus if it has one."""
    digits = re.sub(r"\D", "", phone, flags=re.ASCII)
    return f"+{digits}" if phone.lstrip().startswith("+") else digits
