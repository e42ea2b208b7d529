"""/studio/styles/:id/artworks: the artist chooses which artworks are shown beside the samples."""

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_babel import LazyString, lazy_gettext as _
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import ArtworkNotFound, FieldProblem, ValidationFailed
from webapp.domain.models.shown_artwork import MAX_SHOWN, MAX_TITLE
from webapp.domain.queries import shown_artworks as shown_queries
from webapp.domain.queries.shown_artworks import ChoiceState
from webapp.domain.services import notifications, shown_artworks
from webapp.domain.services.shown_artworks import Choice
from webapp.extensions import db, storage
from webapp.http.access import signed_in, user, viewer
from webapp.pages import page_header, problems
from webapp.schemas.shown_artworks import ShownArtworks

blueprint = Blueprint("shown_artworks", __name__, url_prefix="/studio/styles")
PLACES = [str(place) for place in range(1, MAX_SHOWN + 1)]
STATES: dict[str, LazyString] = {
    ChoiceState.PREPARING: _("Its small copy is being made."),
    ChoiceState.FAILED: _("Its small copy could not be made. Save to try again."),
    ChoiceState.HIDDEN: _("Hidden by an administrator"),
}
Answer = str | AnyResponse | tuple[str, int]


@blueprint.get("/<id:style_id>/artworks")
@signed_in
def show(style_id: int) -> str:
    """Show the accepted artworks of one's own style, each with its place among those shown."""
    return _form(style_id)


@blueprint.post("/<id:style_id>/artworks")
@signed_in
def choose(style_id: int) -> Answer:
    """Save which artworks are shown, from a plain form."""
    try:
        body = ShownArtworks.model_validate({"artworks": _chosen()})
        shown_artworks.choose(
            db.session(),
            user=user(),
            style_id=style_id,
            chosen=[Choice(each.artwork_id, each.title) for each in body.artworks],
            request_id=g.request_id,
        )
    except (ValidationError, ValidationFailed, ArtworkNotFound) as error:
        texts, status = problems.by_field(error, "artworks")
        return _form(style_id, texts), status
    return redirect(url_for(".show", style_id=style_id, saved="yes"), 303)


def _chosen() -> list[dict[str, str]]:
    """Return the chosen rows of the form by their places; equal places by the order of the page."""
    places = {
        name.removeprefix("place-"): _place(value)
        for name, value in request.form.items()
        if name.startswith("place-") and value
    }
    return [
        {"artwork_id": artwork_id, "title": request.form.get(f"title-{artwork_id}", "")}
        for artwork_id in sorted(places, key=places.__getitem__)
    ]


def _place(value: str) -> int:
    if value not in PLACES:
        problem = FieldProblem("%(least)d to %(most)d.", least=1, most=MAX_SHOWN)
        raise ValidationFailed(fields={"artworks": [problem]})
    return int(value)


def _form(style_id: int, texts: problems.Problems | None = None) -> str:
    found = shown_queries.choices(db.session(), storage(), style_id=style_id, viewer=viewer())
    page_header.mark_seen(notifications.of_hidden_artworks(style_id))
    return render_template(
        "studio/artworks.html",
        choices=found,
        form=request.form if texts else None,
        problems=texts or {},
        places=PLACES,
        states=STATES,
        longest_title=MAX_TITLE,
    )
