"""/styles/:id/try-outs: pictures of a trained style that its artist draws before it is sold."""

from flask import Blueprint, g

from webapp.domain.errors import (
    Forbidden,
    InvalidTagLanguage,
    StyleNotFound,
    StyleNotReady,
    StyleOutdated,
    TagNotAllowed,
    TryOutsUsedUp,
)
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import style_detail
from webapp.domain.services import try_outs
from webapp.extensions import db, storage
from webapp.http import buckets, rate_limits
from webapp.http.access import allows_keys, signed_in, user, viewer
from webapp.http.operations import Idempotency, operation
from webapp.schemas.try_outs import TryOutRequest, TryOuts

blueprint = Blueprint("try_outs", __name__)
CREATION = Idempotency("POST /styles/:id/try-outs", "/api/v1/styles/{style_id}")


@blueprint.post("/styles/<id:style_id>/try-outs")
@rate_limits.limited(buckets.ORDERS)
@allows_keys(Scope.MANAGE)
@signed_in
@operation(
    gives=TryOuts,
    status=201,
    errors=(
        Forbidden,
        StyleNotFound,
        StyleNotReady,
        StyleOutdated,
        TryOutsUsedUp,
        InvalidTagLanguage,
        TagNotAllowed,
    ),
    idempotent=CREATION,
)
def create(style_id: int, body: TryOutRequest) -> style_detail.StyleTryOuts:
    """Draw a few free private pictures with a checkpoint of an own trained style."""
    with rate_limits.images(user().id, body.count):
        try_outs.request(
            db.session(),
            user=user(),
            style_id=style_id,
            step=body.checkpoint,
            request_id=g.request_id,
            **body.model_dump(exclude={"checkpoint"}),
        )
    view = style_detail.own(db.session(), storage(), style_id=style_id, viewer=viewer())
    return style_detail.StyleTryOuts(style_id, view.try_outs, view.try_outs_left)
