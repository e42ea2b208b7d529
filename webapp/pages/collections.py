"""/collections: pages of collections; /g/:id/collections: those that a picture is in."""

from contextlib import suppress
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import (
    CollectionFull,
    CollectionLimitReached,
    DomainError,
    GenerationNotFound,
    ValidationFailed,
)
from webapp.domain.queries import (
    collections as collection_queries,
    generations as generation_queries,
)
from webapp.domain.queries.collections import CollectionView
from webapp.domain.queries.pagination import MAX_BIGINT
from webapp.domain.services import collections
from webapp.extensions import db, storage
from webapp.http import bodies, idempotency
from webapp.http.access import public, signed_in, user, viewer
from webapp.pages import problems
from webapp.pages.fragments import is_fragment
from webapp.pages.problems import Problems
from webapp.schemas.collections import (
    CollectionChanges,
    CollectionPictureQuery,
    NewCollection,
)

blueprint = Blueprint("collections", __name__)
MAX_NAME, MAX_DESCRIPTION = 80, 500
Answer = str | AnyResponse | tuple[str, int]


@dataclass(frozen=True)
class Made:
    """What the form of a new collection is answered, also when it is sent again."""

    id: int


@blueprint.get("/collections")
@signed_in
def index() -> AnyResponse:
    """Redirect to the user's own collections."""
    return redirect(url_for("pages.me.show", state="collections"), 303)


@blueprint.post("/collections")
@signed_in
def create() -> Answer:
    """Make a private collection, once for each form, and show it."""
    fields = {"name": request.form.get("name", "")}
    try:
        name = NewCollection.model_validate(fields).name
        made = idempotency.form_once(
            "POST /collections",
            fields,
            lambda: Made(collections.create(db.session(), user=user(), name=name)),
        )
    except (ValidationError, CollectionLimitReached) as error:
        wrong, status = _name_problems(error)
        return render_template("collections/new.html", problems=wrong, **fields), status
    return _to(int(str(made["id"])))


@blueprint.get("/collections/<id:collection_id>")
@public
def show(collection_id: int) -> str:
    """Show a collection; for htmx, only the next pictures."""
    return _page(collection_id)


@blueprint.post("/collections/<id:collection_id>")
@signed_in
def change(collection_id: int) -> Answer:
    """Change name, description and who may see an own collection."""
    fields = {
        "name": request.form.get("name", ""),
        "description": request.form.get("description", ""),
        "is_public": request.form.get("is_public") == "1",
    }
    try:
        changes = CollectionChanges.model_validate(fields)
    except ValidationError as error:
        wrong = {
            "name": problems.text_of(error, "name", _usual("name", error)),
            "description": problems.text_of(error, "description", _usual("description", error)),
        }
        return _page(collection_id, refused=fields, problems=wrong), ValidationFailed.status
    collections.edit(
        db.session(), user_id=user().id, collection_id=collection_id, **changes.model_dump()
    )
    return _to(collection_id)


@blueprint.post("/collections/<id:collection_id>/delete")
@signed_in
def delete(collection_id: int) -> AnyResponse:
    """Delete an own collection."""
    collections.delete(db.session(), user_id=user().id, collection_id=collection_id)
    return index()


@blueprint.post("/collections/<id:collection_id>/pictures/<id:generation_id>/remove")
@signed_in
def remove(collection_id: int, generation_id: int) -> AnyResponse | str:
    """Take a picture out of an own collection; for htmx, return the new number of pictures."""
    with suppress(GenerationNotFound):  # sent twice, or from two windows: it is out already
        collections.remove(
            db.session(),
            user_id=user().id,
            collection_id=collection_id,
            generation_id=generation_id,
        )
    if is_fragment():
        return render_template(
            "collections/count.html", collection=_view(collection_id), is_news=True
        )
    return _to(collection_id)


@blueprint.get("/g/<id:generation_id>/collections")
@signed_in
def choose(generation_id: int) -> str:
    """Show which of the user's collections a picture is in, as a form."""
    return _choices(generation_id)


@blueprint.post("/g/<id:generation_id>/collections")
@signed_in
def save_choice(generation_id: int) -> Answer:
    """Put a picture into the checked collections and take it out of the others that were shown."""
    name = request.form.get("name", "")
    try:
        new = NewCollection.model_validate({"name": name}).name if name.strip() else ""
        collections.choose(
            db.session(),
            user=user(),
            generation_id=generation_id,
            chosen_ids=_ids("collection"),
            offered_ids=_ids("offered"),
            new_name=new,
        )
    except (ValidationError, CollectionLimitReached) as error:
        wrong, status = _name_problems(error)
        return _choices(generation_id, wrong), status
    except CollectionFull as error:
        db.session.rollback()
        return _choices(generation_id, {"": _which_is_full(generation_id, error)}), error.status
    if is_fragment():
        return _choices(generation_id, is_saved=True)
    return redirect(url_for("pages.generations.show", generation_id=generation_id), 303)


def _page(collection_id: int, **values: object) -> str:
    collection, query = _view(collection_id), bodies.query(CollectionPictureQuery)
    page = collection_queries.pictures(
        db.session(),
        storage(),
        collection_id=collection_id,
        viewer=viewer(),
        is_oldest_first=query.sort == "oldest",
        page=bodies.page(query),
    )
    is_owner = viewer().user_id == collection.user.id
    return render_template(
        "collections/pictures.html" if is_fragment() else "collections/show.html",
        collection=collection,
        page=page,
        sort=query.sort,
        is_first=query.cursor is None,
        is_owner=is_owner,
        **values,
    )


def _choices(generation_id: int, wrong: Problems | None = None, *, is_saved: bool = False) -> str:
    image = generation_queries.detail(
        db.session(), storage(), generation_id=generation_id, viewer=viewer()
    )
    in_dialog = is_fragment()
    return render_template(
        "collections/choose_form.html" if in_dialog else "collections/choose.html",
        level=2 if in_dialog else 1,
        image=image,
        choices=collection_queries.choices(
            db.session(), user_id=user().id, generation_id=generation_id
        ),
        chosen=_ids("collection") if wrong else None,
        name=request.form.get("name", "") if wrong else "",
        problems=wrong or {},
        is_saved=is_saved,
    )


def _ids(field: str) -> list[int]:
    """Return the ids of a repeated field of the form, as many as one person can have."""
    ids = request.form.getlist(field, type=int)
    return [each for each in ids if 0 <= each <= MAX_BIGINT][: collections.MAX_COLLECTIONS]


def _which_is_full(generation_id: int, error: CollectionFull) -> str:
    own = collection_queries.choices(db.session(), user_id=user().id, generation_id=generation_id)
    [name] = [each.name for each in own if each.id == error.details["id"]]
    return gettext(
        "“%(name)s” is full: a collection holds at most %(most)d pictures, also those that are"
        " private now.",
        name=name,
        most=collections.MAX_PICTURES,
    )


def _name_problems(error: ValidationError | DomainError) -> tuple[Problems, int]:
    wrong, status = problems.by_field(error, "name")
    if isinstance(error, ValidationError):
        wrong["name"] = problems.text_of(error, "name", _usual("name", error))
    return {"name": wrong.get("name") or wrong[""]}, status


def _usual(name: str, error: ValidationError) -> str:
    """Return the usual text of a field of a collection if it is among the wrong ones."""
    if name not in {each["loc"][0] for each in error.errors(include_url=False)}:
        return ""
    if name == "name":
        return gettext("Please enter a name of 1 to %(most)d visible characters.", most=MAX_NAME)
    return gettext("At most %(most)d characters.", most=MAX_DESCRIPTION)


def _view(collection_id: int) -> CollectionView:
    return collection_queries.detail(
        db.session(), storage(), collection_id=collection_id, viewer=viewer()
    )


def _to(collection_id: int) -> AnyResponse:
    return redirect(url_for(".show", collection_id=collection_id), 303)
