"""/admin: blueprint of the admin pages, and what they share."""

from flask import Blueprint, make_response, render_template
from werkzeug.wrappers import Response

from webapp.domain.errors import Forbidden, NotFound
from webapp.extensions import app_settings
from webapp.pages.admin import (
    actions,
    cases,
    change_words,
    content,
    labels,
    ledger,
    log,
    operations,
    payments,
    payouts,
    refunds,
    users,
)

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
for each in (cases, users, content, ledger, payments, payouts, refunds, operations, log):
    blueprint.register_blueprint(each.blueprint)


@blueprint.context_processor
def context() -> dict[str, object]:
    """Give templates the labels and actions."""
    return {
        "labels": labels,
        "change_words": change_words,
        "offered": actions.offered,
        "actions": actions,
        "flower_url": app_settings().flower_url,
    }


@blueprint.errorhandler(Forbidden)
def not_here(_error: Forbidden) -> Response:
    """Show the page of an unknown URL to users who are not administrators."""
    return make_response(render_template("errors/not_found.html"), NotFound.status)
