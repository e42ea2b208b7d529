"""/me/works: actions on the user's own pictures, on one or on several that are selected."""

from flask import Blueprint, Response, redirect, render_template, request, stream_with_context
from flask_babel import gettext
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import ValidationFailed
from webapp.domain.queries import generation_files, generations as generation_queries
from webapp.domain.queries.generation_views import OwnGenerationView
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.services import generations, visibility
from webapp.extensions import db, storage, unit_of_work
from webapp.http import buckets, rate_limits
from webapp.http.access import own_transactions, signed_in, user
from webapp.pages import links, me, works_archive
from webapp.pages.fragments import is_fragment
from webapp.schemas.generations import ChosenGenerations

blueprint = Blueprint("works", __name__, url_prefix="/me/works")
MOST_WATCHED = 24
Answer = str | AnyResponse | tuple[str, int]


@blueprint.get("")
@signed_in
def works() -> str:
    """Return the rows of the user's own pictures with these ids, as fragments."""
    ids = tuple(request.args.getlist("id", type=int)[:MOST_WATCHED])
    return render_template("me/news.html", works=_works(ids))


@blueprint.post("/<id:generation_id>/visibility")
@signed_in
def set_visibility(generation_id: int) -> Answer:
    """Make one picture public or private."""
    generations.edit(
        db.session(),
        user_id=user().id,
        generation_id=generation_id,
        is_public=request.form.get("is_public") == "1",
    )
    if not is_fragment():
        return redirect(
            links.with_known("pages.me.show", links.WORKS, anchor=f"work-{generation_id}")
        )
    [work] = _works((generation_id,))
    return render_template("me/work.html", work=work)


@blueprint.post("/visibility")
@signed_in
def change_visibility() -> Answer:
    """Make the chosen pictures public or private."""
    try:
        chosen = _chosen()
    except ValidationError:
        return _not_chosen()
    visibility.change(
        db.session(),
        user_id=user().id,
        generation_ids=chosen.generation_ids,
        is_public=request.form.get("is_public") == "1",
    )
    return redirect(links.with_known("pages.me.show", links.WORKS), 303)


@blueprint.post("/archive")
@rate_limits.limited(buckets.ARCHIVES)
@own_transactions
@signed_in
def download() -> Answer:
    """Stream the chosen pictures with their certificates as a zip."""
    try:
        chosen = _chosen()
    except ValidationError:
        return _not_chosen()
    with unit_of_work() as short:
        files = generation_files.own_files(
            short, user_id=user().id, generation_ids=chosen.generation_ids
        )
    return Response(
        stream_with_context(works_archive.pieces(files)),
        mimetype="application/zip",
        headers={"Content-Disposition": 'attachment; filename="style-license-pictures.zip"'},
    )


def _chosen() -> ChosenGenerations:
    return ChosenGenerations.model_validate(
        {"generation_ids": request.form.getlist("id", type=int)}
    )


def _not_chosen() -> tuple[str, int]:
    text = gettext("Please choose 1 to %(most)d pictures.", most=visibility.MAX_PICTURES)
    return me.page_of_pictures(text), ValidationFailed.status


def _works(ids: tuple[int, ...]) -> list[OwnGenerationView]:
    page = generation_queries.own(
        db.session(),
        storage(),
        user_id=user().id,
        filters=OwnFilter(ids=ids),
        page=PageRequest(limit=MOST_WATCHED),
    )
    return page.results
