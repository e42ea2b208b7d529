"""/styles: what is on offer, one style with its images made in place, making a style."""

from typing import Any

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_login import current_user
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.api import bodies, rate_limits
from webapp.api.access import artist, public, signed_in, user, viewer
from webapp.domain.errors import DomainError, StyleNotFound, ValidationFailed
from webapp.domain.models.style import TrainingStatus
from webapp.domain.pagination import PageRequest
from webapp.domain.services import generation_views, generations, style_views, training_views
from webapp.domain.services.generation_views import OwnFilter
from webapp.domain.services.style_views import StyleFilter
from webapp.extensions import db, storage
from webapp.pages.fragments import is_fragment
from webapp.schemas.generations import GenerationRequest
from webapp.schemas.styles import StyleListQuery

blueprint = Blueprint("styles", __name__)
WORKS_SHOWN = 12


@blueprint.get("/styles")
@public
def index() -> str:
    """Show the styles on offer; artists find their own above them."""
    asked = bodies.query(StyleListQuery)
    sort = "popular" if asked.sort == "popular" else "recent"
    page = style_views.catalogue(
        db.session(),
        storage(),
        wanted=StyleFilter(sort=sort, tags=tuple(asked.tags), artist_id=asked.artist_id),
        viewer=viewer(),
        page=bodies.page(asked),
    )
    if is_fragment():
        return render_template("styles/cards.html", page=page, query=_query())
    return render_template(
        "styles/index.html", page=page, sort=sort, tags=asked.tags, own=_own(), query=_query()
    )


@blueprint.get("/styles/new")
@artist
def new() -> str:
    """Show the form that makes a style."""
    return render_template("styles/new.html", own=_own())


@blueprint.get("/styles/<id:style_id>")
@public
def show(style_id: int) -> str:
    """Show one style: to buy images of it, or (to its artist) how it is being learned."""
    return _page(style_id)


@blueprint.get("/styles/<id:style_id>/training")
@signed_in
def training(style_id: int) -> AnyResponse:
    """Show where a training stands, as a piece of its style's page."""
    style = _style(style_id)
    if not viewer().may_manage(style["artist"]["id"]):
        raise StyleNotFound(id=style_id)
    run = training_views.latest(db.session(), storage(), style_id=style_id)
    piece = make_response(render_template("styles/training.html", style=style, run=run))
    if style_views.is_final(style):
        piece.headers["HX-Refresh"] = "true"
    return piece


@blueprint.post("/styles/<id:style_id>/generate")
@signed_in
def generate(style_id: int) -> AnyResponse | tuple[str, int]:
    """Order images from a plain form, for browsers without scripts."""
    try:
        asked = _order(style_id)
        rate_limits.count(rate_limits.GENERATION, str(user().id), asked.count)
        rate_limits.enforce()
        generations.request(
            db.session(), user=user(), request_id=g.request_id, **asked.model_dump()
        )
    except ValidationError:
        return _page(style_id, gettext(ValidationFailed.code)), ValidationFailed.status
    except DomainError as error:
        db.session.rollback()
        return _page(style_id, gettext(error.code)), error.status
    return redirect(url_for("pages.styles.show", style_id=style_id, _anchor="works"))


def _order(style_id: int) -> GenerationRequest:
    given: dict[str, Any] = {name: text for name, text in request.form.items() if text.strip()}
    for field in ("prompt_tags", "negative_tags"):
        given[field] = [tag for tag in given.get(field, "").split(",") if tag.strip()]
    for field in ("seed", "count", "style_strength", "expected_price_tokens"):
        if field in given:
            given[field] = _number(given[field])
    return GenerationRequest.model_validate(given | {"style_id": style_id})


def _number(text: str) -> int | float | str:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text  # the schema says what is wrong with it


def _page(style_id: int, problem: str | None = None) -> str:
    style = _style(style_id)
    is_owner = viewer().may_manage(style["artist"]["id"])
    is_on_sale = style["training_status"] == TrainingStatus.COMPLETED
    run = None
    if is_owner and not is_on_sale:
        run = training_views.latest(db.session(), storage(), style_id=style_id)
    return render_template(
        "styles/show.html",
        style=style,
        is_owner=is_owner,
        run=run,
        works=_works(style_id) if is_on_sale else [],
        form=request.form,
        problem=problem,
    )


def _style(style_id: int) -> dict[str, Any]:
    return style_views.detail(db.session(), storage(), style_id=style_id, viewer=viewer())


def _works(style_id: int) -> list[dict[str, Any]]:
    """Return the visitor's own newest images of a style, in every state."""
    if not current_user.is_authenticated:
        return []
    page = generation_views.own(
        db.session(),
        storage(),
        user_id=user().id,
        wanted=OwnFilter(style_id=style_id),
        page=PageRequest(limit=WORKS_SHOWN),
    )
    return page.results


def _own() -> list[dict[str, Any]]:
    if not current_user.is_authenticated or user().artist is None:
        return []
    page = style_views.own(
        db.session(), storage(), artist_id=user().id, page=PageRequest(limit=WORKS_SHOWN)
    )
    return page.results


def _query() -> dict[str, list[str]]:
    return request.args.to_dict(flat=False)
