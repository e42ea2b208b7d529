"""/collections: named lists of pictures, private or for everybody."""

from flask import Blueprint, Response

from webapp.domain.errors import (
    CollectionFull,
    CollectionLimitReached,
    CollectionNotFound,
    Forbidden,
    GenerationNotFound,
)
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import collections as collection_queries
from webapp.domain.services import collections
from webapp.extensions import db, storage
from webapp.http import bodies, envelope
from webapp.http.access import allows_keys, public, signed_in, user, viewer
from webapp.http.operations import Idempotency, operation
from webapp.schemas.collections import (
    CollectionChanges,
    CollectionPictureQuery,
    CollectionView,
    NewCollection,
)
from webapp.schemas.fields import Listed, PageQuery
from webapp.schemas.generations import FeedCard

blueprint = Blueprint("collections", __name__)
CREATION = Idempotency("POST /collections", "/api/v1/collections/{id}")
LINKS = {"collection_id": "/id"}
REFUSALS = (CollectionNotFound, Forbidden)


@blueprint.post("/collections")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(
    gives=CollectionView,
    status=201,
    errors=(CollectionLimitReached,),
    idempotent=CREATION,
    links=LINKS,
)
def create(body: NewCollection) -> collection_queries.CollectionView:
    """Make an empty collection; a person has at most 100."""
    collection_id = collections.create(db.session(), user=user(), **body.model_dump())
    return _view(collection_id)


@blueprint.get("/collections")
@allows_keys(Scope.READ)
@signed_in
@operation(gives=Listed[CollectionView], links={"collection_id": "/results/0/id"})
def list_own(query: PageQuery) -> Response:
    """List the user's own collections, newest first."""
    page = collection_queries.own(
        db.session(), storage(), user_id=user().id, page=bodies.page(query)
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/users/<id:user_id>/collections")
@public
@operation(gives=Listed[CollectionView], links={"collection_id": "/results/0/id"})
def list_public(user_id: int, query: PageQuery) -> Response:
    """List a person's public collections that have a public picture, newest first."""
    page = collection_queries.public_of(
        db.session(), storage(), user_id=user_id, page=bodies.page(query)
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/collections/<id:collection_id>")
@allows_keys(Scope.READ)
@public
@operation(gives=CollectionView, errors=(CollectionNotFound,))
def read(collection_id: int) -> Response:
    """Return a public collection, or one of the user's own."""
    return envelope.success(_view(collection_id))


@blueprint.patch("/collections/<id:collection_id>")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(gives=CollectionView, errors=REFUSALS)
def edit(collection_id: int, body: CollectionChanges) -> Response:
    """Rename or describe an own collection, or make it public or private."""
    changes = body.model_dump(exclude_none=True)
    collections.edit(db.session(), user_id=user().id, collection_id=collection_id, **changes)
    return envelope.success(_view(collection_id))


@blueprint.delete("/collections/<id:collection_id>")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(status=204, errors=REFUSALS)
def delete(collection_id: int) -> Response:
    """Delete an own collection; its pictures stay where they are."""
    collections.delete(db.session(), user_id=user().id, collection_id=collection_id)
    return envelope.no_content()


@blueprint.get("/collections/<id:collection_id>/pictures")
@allows_keys(Scope.READ)
@public
@operation(
    gives=Listed[FeedCard],
    errors=(CollectionNotFound,),
    links={"generation_id": "/results/0/id", "style_id": "/results/0/style/id"},
)
def list_pictures(collection_id: int, query: CollectionPictureQuery) -> Response:
    """List the pictures of a collection, the newest addition first."""
    page = collection_queries.pictures(
        db.session(),
        storage(),
        collection_id=collection_id,
        viewer=viewer(),
        is_oldest_first=query.sort == "oldest",
        page=bodies.page(query),
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.put("/collections/<id:collection_id>/pictures/<id:generation_id>")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(gives=CollectionView, errors=(*REFUSALS, GenerationNotFound, CollectionFull))
def add(collection_id: int, generation_id: int) -> Response:
    """Put an own or a public picture into an own collection, which holds at most 500."""
    collections.add(
        db.session(), user=user(), collection_id=collection_id, generation_id=generation_id
    )
    return envelope.success(_view(collection_id))


@blueprint.delete("/collections/<id:collection_id>/pictures/<id:generation_id>")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(status=204, errors=(*REFUSALS, GenerationNotFound))
def remove(collection_id: int, generation_id: int) -> Response:
    """Take a picture out of an own collection."""
    collections.remove(
        db.session(), user_id=user().id, collection_id=collection_id, generation_id=generation_id
    )
    return envelope.no_content()


def _view(collection_id: int) -> collection_queries.CollectionView:
    return collection_queries.detail(
        db.session(), storage(), collection_id=collection_id, viewer=viewer()
    )
