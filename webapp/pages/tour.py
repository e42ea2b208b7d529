"""The tour of a new account: three steps above the pages where they are done.

The first pages say how to find a picture, those of a picture or style how to order one. Once a
picture was delivered, all of them lead to it.
"""

from dataclasses import dataclass

from flask import Blueprint, redirect, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.models.generation import GenerationStatus
from webapp.domain.queries import generations as generation_queries
from webapp.domain.queries.generation_views import OwnGenerationView
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.extensions import db, storage
from webapp.http import tour_cookie
from webapp.http.access import signed_in, user
from webapp.http.google import local_path

blueprint = Blueprint("tour", __name__)
LAST_STEP = 3


@dataclass(frozen=True, slots=True)
class Tour:
    """The step to show, and the newest delivered picture, which the last step is about."""

    step: int
    picture: OwnGenerationView | None = None


@blueprint.app_context_processor
def functions() -> dict[str, object]:
    """Give templates the tour, and whether to say what a new account begins with."""
    return {"tour_of": tour_of, "take_welcome": tour_cookie.take_welcome}


def tour_of(step: int) -> Tour | None:
    """Return the tour on a page where `step` is done; None for who is not on it."""
    if not current_user.is_authenticated or not tour_cookie.is_under_way(user().id):
        return None
    delivered = generation_queries.own(
        db.session(),
        storage(),
        user_id=user().id,
        filters=OwnFilter(status=GenerationStatus.COMPLETED),
        page=PageRequest(limit=1),
    ).results
    return Tour(LAST_STEP, delivered[0]) if delivered else Tour(step)


@blueprint.post("/tour/end")
@signed_in
def end() -> AnyResponse:
    """End the tour, and return to the page that showed it."""
    answer = redirect(local_path(request.form.get("next", "/")), 303)
    tour_cookie.end(answer)
    return answer
