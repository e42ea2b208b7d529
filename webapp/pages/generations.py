"""/g: a picture with its certificate and comments, and the tiles of pictures in progress."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import ValidationFailed
from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.domain.queries import comments as comment_queries, generations as generation_queries
from webapp.domain.queries.comments import CommentView
from webapp.domain.queries.generation_views import FINAL, GenerationView, OwnGenerationView
from webapp.domain.queries.pagination import Page, PageRequest
from webapp.domain.services import generations, notifications, offers
from webapp.extensions import db, storage
from webapp.http.access import public, signed_in, user, viewer
from webapp.pages import page_header, problems, structured_data
from webapp.pages.fragments import is_fragment
from webapp.schemas.generations import GenerationChanges

blueprint = Blueprint("generations", __name__)
MAX_TILES = 12
MAX_DESCRIPTION = 500


@blueprint.get("/g/<id:generation_id>")
@public
def show(generation_id: int) -> str:
    """Show a picture, and mark as read what the user was told of it.

    Private and unfinished ones are shown only to their owner.
    """
    page_header.mark_seen(notifications.of_pictures([generation_id]))
    return page(generation_id)


@blueprint.post("/g/<id:generation_id>/visibility")
@signed_in
def show_or_hide(generation_id: int) -> AnyResponse | str:
    """Make the user's own picture public (`is_public` 1) or private."""
    _edit(generation_id, is_public=request.form.get("is_public") == "1")
    if not is_fragment():
        return _to(generation_id)
    return _piece("actions", generation_id)


@blueprint.post("/g/<id:generation_id>/description")
@signed_in
def describe(generation_id: int) -> AnyResponse | str | tuple[str, int]:
    """Set the title of the user's own picture."""
    description = request.form.get("description", "")
    try:
        changes = GenerationChanges.model_validate({"description": description})
    except ValidationError as error:
        usual = gettext("At most %(most)d characters.", most=MAX_DESCRIPTION)
        problem = problems.text_of(error, "description", usual)
        refused = {"description": description, "problem": problem}
        fragment = _piece("caption", generation_id, refused=refused) if is_fragment() else None
        return fragment or page(generation_id, refused=refused), ValidationFailed.status
    _edit(generation_id, description=changes.description)
    return _piece("caption", generation_id) if is_fragment() else _to(generation_id)


@blueprint.get("/g/tiles")
@signed_in
def tiles() -> str:
    """Return the tiles of the user's own pictures with these ids.

    With `seen`, the user looks at them: what was told of those that have ended is read.
    """
    images = generation_queries.managed(
        db.session(),
        storage(),
        generation_ids=request.args.getlist("id", type=int)[:MAX_TILES],
        viewer=viewer(),
    )
    ended = [image.id for image in images if generation_queries.is_final(image)]
    if ended and "seen" in request.args:
        notifications.mark_seen(db.session(), user().id, notifications.of_endings(ended))
    return render_template("generations/tiles.html", images=images)


def page(generation_id: int, *, comments: Page[CommentView] | None = None, **values: Any) -> str:
    """Return the page of a picture, with `comments` or else with its first comments."""
    image = _image(generation_id)
    is_done = image.status == GenerationStatus.COMPLETED
    if comments is None and is_done and not _is_try_out(image):
        comments = comment_queries.of_image(
            db.session(),
            storage(),
            generation_id=generation_id,
            parent_id=None,
            viewer=viewer(),
            page=PageRequest(),
        )
    return _render(
        "show",
        image,
        comments=comments,
        structured_data=structured_data.image_object(image),
        **values,
    )


def _piece(name: str, generation_id: int, **values: Any) -> str:
    return _render(name, _image(generation_id), **values)


def _render(name: str, image: GenerationView, **values: Any) -> str:
    prices = offers.prices_today(db.session(), image.style.id) if _is_example(image) else None
    if prices is not None:
        prices = prices.for_size(AspectRatio(image.aspect_ratio))
    return render_template(
        f"generations/{name}.html",
        image=image,
        generation_id=image.id,
        is_owner=viewer().user_id == image.user.id,
        can_order=prices is not None,
        prices=prices,
        viewer=viewer(),
        **values,
    )


def _is_example(image: GenerationView) -> bool:
    """Return whether this viewer may begin an order with the words of this ended picture."""
    is_visible = image.is_public or viewer().user_id == image.user.id
    return is_visible and image.status in FINAL and not _is_try_out(image)


def _is_try_out(image: GenerationView) -> bool:
    return isinstance(image, OwnGenerationView) and image.is_try_out


def _image(generation_id: int) -> GenerationView:
    return generation_queries.detail(
        db.session(), storage(), generation_id=generation_id, viewer=viewer()
    )


def _edit(generation_id: int, **changes: Any) -> None:
    generations.edit(db.session(), user_id=user().id, generation_id=generation_id, **changes)


def _to(generation_id: int) -> AnyResponse:
    return redirect(url_for("pages.generations.show", generation_id=generation_id), 303)
