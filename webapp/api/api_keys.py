"""/keys: the keys of a person's programs; a key itself cannot call it."""

from dataclasses import asdict

from flask import Blueprint, Response

from webapp.domain.api_key_errors import ApiKeyLimitReached
from webapp.domain.errors import NotFound
from webapp.domain.queries import api_keys as key_queries
from webapp.domain.services import api_keys
from webapp.extensions import db
from webapp.http import envelope
from webapp.http.access import signed_in, user
from webapp.http.operations import operation
from webapp.schemas.api_keys import ApiKeyView, MadeApiKey, NewApiKey
from webapp.schemas.fields import Listed

blueprint = Blueprint("api_keys", __name__)


@blueprint.get("/keys")
@signed_in
@operation(gives=Listed[ApiKeyView], links={"key_id": "/results/0/id"})
def list_own() -> Response:
    """List one's own API keys, newest first, without their secrets."""
    return envelope.success(envelope.listed(key_queries.own(db.session(), user().id), None))


@blueprint.post("/keys")
@signed_in
@operation(gives=MadeApiKey, status=201, errors=(ApiKeyLimitReached,), links={"key_id": "/id"})
def create(body: NewApiKey) -> Response:
    """Make an API key; its secret is in this answer only. A person has at most 20."""
    made = api_keys.create(db.session(), user=user(), **body.model_dump())
    view = key_queries.one(db.session(), made.id)
    return envelope.created(asdict(view) | {"secret": made.secret}, "/api/v1/keys")


@blueprint.delete("/keys/<id:key_id>")
@signed_in
@operation(status=204, errors=(NotFound,))
def revoke(key_id: int) -> Response:
    """Revoke an own API key; it is refused at once."""
    api_keys.revoke(db.session(), user_id=user().id, key_id=key_id)
    return envelope.no_content()
