"""/admin: the room of administrators, and what all its pages have in common."""

from typing import Any

from flask import Blueprint, make_response, render_template
from werkzeug.wrappers import Response

from webapp.domain.errors import Forbidden, NotFound
from webapp.extensions import app_settings
from webapp.pages.admin import (
    acts,
    cases,
    ledger,
    log,
    payments,
    refunds,
    terms,
    users,
    work,
    works,
)

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
for each in (cases, users, works, ledger, payments, refunds, work, log):
    blueprint.register_blueprint(each.blueprint)


@blueprint.context_processor
def room() -> dict[str, Any]:
    """Give templates the words of this room."""
    return {
        "terms": terms,
        "offered": acts.offered,
        "acts": acts,
        "flower_url": app_settings().flower_url,
    }


@blueprint.errorhandler(Forbidden)
def not_here(_error: Forbidden) -> Response:
    """Show those who are no administrators what they see at any address that is none."""
    return make_response(render_template("errors/not_found.html"), NotFound.status)
