"""/me/page: the form of an artist's own page, and the buttons that pin pictures to it."""

from contextlib import suppress

from flask import Blueprint, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import DomainError, GenerationNotFound
from webapp.domain.models.artist_page import MAX_LINKS
from webapp.domain.queries import artist_pages as page_queries
from webapp.domain.services import artist_pages
from webapp.extensions import db, storage
from webapp.http import bodies
from webapp.http.access import artist, user, viewer
from webapp.pages import problems, words
from webapp.schemas.artist_pages import ArtistPageChanges

blueprint = Blueprint("artist_pages", __name__, url_prefix="/me/page")
Links = list[dict[str, str]]
Answer = str | AnyResponse | tuple[str, int]


@blueprint.get("")
@artist
def show() -> str:
    """Show the form of the own page."""
    return _form()


@blueprint.post("")
@bodies.accepts(bodies.MAX_BODY)
@artist
def change() -> Answer:
    """Change banner, text and links of the own page."""
    links = _links()
    try:
        bodies.check_parts(["banner"])
        changes = ArtistPageChanges.model_validate(
            {"about": request.form.get("about", ""), "links": links}
        )
        artist_pages.edit(
            db.session(),
            storage(),
            user=user(),
            banner=bodies.banner(),
            removes_banner=request.form.get("remove_banner") == "1",
            **changes.model_dump(),
        )
    except (ValidationError, DomainError) as error:
        texts, status = problems.by_field(error, "banner")
        return _form(texts, links, wrong_links=_wrong_links(error)), status
    return redirect(url_for(".show", saved="page"), 303)


@blueprint.post("/pictures/<id:generation_id>/pin")
@artist
def pin(generation_id: int) -> AnyResponse:
    """Pin a picture to the own page."""
    artist_pages.pin(db.session(), user=user(), generation_id=generation_id)
    return _to_pinned()


@blueprint.post("/pictures/<id:generation_id>/unpin")
@artist
def unpin(generation_id: int) -> AnyResponse:
    """Take a pinned picture down from the own page."""
    with suppress(GenerationNotFound):  # sent twice, or from two windows: it is down already
        artist_pages.unpin(db.session(), user=user(), generation_id=generation_id)
    return _to_pinned()


def _form(
    texts: problems.Problems | None = None,
    links: Links | None = None,
    wrong_links: frozenset[int] = frozenset(),
) -> str:
    page = page_queries.detail(db.session(), storage(), artist_id=user().id, viewer=viewer())
    return render_template(
        "artist_pages/edit.html",
        page=page,
        values=request.form if texts else None,
        links=links if texts else page.links,
        wrong_links=wrong_links,
        max_links=MAX_LINKS,
        problems=texts or {},
        saved=words.SAVED.get(request.args.get("saved", "")),
    )


def _links() -> Links:
    """Return the rows of the form that are not empty."""
    rows = zip(request.form.getlist("link_url"), request.form.getlist("link_label"), strict=False)
    return [{"url": url, "label": label} for url, label in rows if url.strip() or label.strip()]


def _wrong_links(error: ValidationError | DomainError) -> frozenset[int]:
    """Return the places of the links that were refused."""
    if not isinstance(error, ValidationError):
        return frozenset()
    places = [each["loc"] for each in error.errors(include_url=False)]
    return frozenset(int(place[1]) for place in places if place[0] == "links" and len(place) > 1)


def _to_pinned() -> AnyResponse:
    return redirect(url_for("pages.users.show", user_id=user().id, _anchor="pinned"), 303)
