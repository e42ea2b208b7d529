"""/generations (also /images): order pictures, follow and download them, list the feed."""

from flask import Blueprint, Response, g

from webapp.api import webhook_aliases
from webapp.domain.errors import (
    AlreadyCanceled,
    DuplicatePicture,
    Forbidden,
    GenerationNotFound,
    GenerationStillProcessing,
    InsufficientTokens,
    InvalidTagLanguage,
    InvalidTransition,
    LicenseNotSold,
    LicenseNotValid,
    NotFound,
    PriceChanged,
    StyleNotFound,
    StyleNotReady,
    StyleOutdated,
    TagNotAllowed,
    TryOutPrivate,
    Unauthorized,
    UnknownTags,
)
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import (
    feed as feed_queries,
    generation_files,
    generation_views,
    generations as generation_queries,
)
from webapp.domain.queries.feed import FeedFilter
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.services import generations, previews, visibility
from webapp.domain.sets_errors import RestylePrivate
from webapp.extensions import db, storage
from webapp.http import bodies, buckets, envelope, event_streams, headers, rate_limits
from webapp.http.access import allows_keys, or_worker, public, signed_in, user, viewer
from webapp.http.operations import EVENTS, Idempotency, operation
from webapp.schemas.fields import Listed
from webapp.schemas.generations import (
    FeedCard,
    FeedQuery,
    GenerationChanges,
    GenerationListQuery,
    GenerationRequest,
    GenerationView,
    ImageQuery,
    OrderedGeneration,
    OrderPreview,
    OwnGenerationView,
    PreviewRequest,
    VisibilityChange,
    VisibilityChanged,
)

blueprint = Blueprint("generations", __name__)
CREATION = Idempotency("POST /generations", "/api/v1/generations/{id}")
LINKS = {"generation_id": "/id", "style_id": "/style/id"}
FIRST = {"generation_id": "/results/0/id", "style_id": "/results/0/style/id"}


@blueprint.post("/generations")
@blueprint.post("/images/generate")
@rate_limits.limited(buckets.ORDERS)
@allows_keys(Scope.ORDER)
@signed_in
@operation(
    gives=OrderedGeneration,
    status=201,
    errors=(
        InsufficientTokens,
        StyleNotFound,
        StyleNotReady,
        StyleOutdated,
        LicenseNotValid,
        LicenseNotSold,
        PriceChanged,
        InvalidTagLanguage,
        TagNotAllowed,
        UnknownTags,
        DuplicatePicture,
    ),
    idempotent=CREATION,
    links=LINKS,
)
def create(body: GenerationRequest) -> generation_views.OrderedGeneration:
    """Order one to four pictures."""
    with rate_limits.images(user().id, body.count):
        order = generations.request(
            db.session(), user=user(), request_id=g.request_id, **body.model_dump()
        )
    return generation_queries.order_created(db.session(), storage(), order)


@blueprint.post("/generations/preview")
@allows_keys(Scope.READ)
@public
@operation(
    gives=OrderPreview, errors=(StyleNotFound, LicenseNotSold, InvalidTagLanguage, TagNotAllowed)
)
def preview(body: PreviewRequest) -> Response:
    """Return the price of an order, its unknown tags, and pictures of it owned already."""
    return envelope.success(previews.preview(db.session(), viewer=viewer(), **body.model_dump()))


@blueprint.get("/generations/feed")
@blueprint.get("/community/feed")
@allows_keys(Scope.READ)
@public
@operation(
    gives=Listed[FeedCard],
    errors=(Unauthorized,),
    links=FIRST,
)
def feed(query: FeedQuery) -> Response:
    """List public pictures."""
    if query.following and viewer().user_id is None:
        raise Unauthorized
    filters = FeedFilter(
        sort="recent" if query.sort == "created_at" else query.sort,
        tags=tuple(query.tags),
        tags_any=tuple(query.tags_any),
        **query.model_dump(
            include={"style_id", "artist_id", "user_id", "aspect_ratio", "following"}
        ),
    )
    page = feed_queries.pictures(
        db.session(), storage(), viewer=viewer(), filters=filters, page=bodies.page(query)
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/generations/me")
@allows_keys(Scope.READ)
@signed_in
@operation(gives=Listed[OwnGenerationView], links=FIRST)
def list_own(query: GenerationListQuery) -> Response:
    """List the user's own pictures."""
    filters = OwnFilter(
        status=None if query.status == "all" else query.status,
        is_public=None if query.is_public == "all" else query.is_public,
        style_id=query.style_id,
    )
    page = generation_queries.own(
        db.session(), storage(), user_id=user().id, filters=filters, page=bodies.page(query)
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/generations/<id:generation_id>")
@blueprint.get("/images/<id:generation_id>")
@blueprint.get("/images/<id:generation_id>/status")
@allows_keys(Scope.READ)
@public
@operation(gives=GenerationView | OwnGenerationView, errors=(GenerationNotFound,))
def read(generation_id: int) -> Response:
    """Return one picture with its status and progress."""
    return envelope.success(_view(generation_id))


@blueprint.get("/generations/<id:generation_id>/image")
@allows_keys(Scope.READ)
@public
@operation(status=302, errors=(GenerationNotFound, GenerationStillProcessing, NotFound))
def read_image(generation_id: int, query: ImageQuery) -> Response:
    """Redirect to the file; only its owner, the artist and administrators get the full one."""
    url = generation_files.image_url(
        db.session(),
        storage(),
        generation_id=generation_id,
        viewer=viewer(),
        variant=query.variant,
        download=query.download,
    )
    return headers.redirect_to_file(url)


@blueprint.patch("/generations/<id:generation_id>")
@blueprint.patch("/images/<id:generation_id>")
@or_worker(webhook_aliases.render_progress)
@allows_keys(Scope.MANAGE)
@signed_in
@operation(
    gives=OwnGenerationView,
    errors=(
        Forbidden,
        GenerationNotFound,
        GenerationStillProcessing,
        InvalidTransition,
        RestylePrivate,
        TryOutPrivate,
    ),
)
def edit(generation_id: int, body: GenerationChanges) -> Response:
    """Make the user's own picture public or private, or set its description."""
    changes = body.model_dump(exclude_none=True)
    generations.edit(db.session(), user_id=user().id, generation_id=generation_id, **changes)
    return envelope.success(_view(generation_id))


@blueprint.post("/generations/visibility")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(
    gives=VisibilityChanged,
    errors=(
        GenerationNotFound,
        GenerationStillProcessing,
        InvalidTransition,
        RestylePrivate,
        TryOutPrivate,
    ),
)
def change_visibility(body: VisibilityChange) -> Response:
    """Make several of the user's own pictures public or private: all of them, or none."""
    changed_ids = visibility.change(db.session(), user_id=user().id, **body.model_dump())
    return envelope.success({"changed_ids": changed_ids})


@blueprint.post("/generations/<id:generation_id>/cancel")
@allows_keys(Scope.ORDER)
@signed_in
@operation(
    gives=OwnGenerationView,
    errors=(AlreadyCanceled, Forbidden, InvalidTransition, GenerationNotFound),
)
def cancel(generation_id: int) -> Response:
    """Cancel a picture that no worker has claimed."""
    generations.cancel(db.session(), user_id=user().id, generation_id=generation_id)
    return envelope.success(_view(generation_id))


@blueprint.get("/generations/<id:generation_id>/events")
@public
@operation(gives=GenerationView | OwnGenerationView, errors=(GenerationNotFound,), media=EVENTS)
def watch(generation_id: int) -> Response:
    """Stream one picture until its status is final."""
    caller, objects = viewer(), storage()
    _view(generation_id)
    return event_streams.stream(
        stamp=lambda session: generation_queries.stamp(session, generation_id),
        read=lambda session: generation_queries.detail(
            session, objects, generation_id=generation_id, viewer=caller
        ),
        is_final=generation_queries.is_final,
    )


def _view(generation_id: int) -> generation_views.GenerationView:
    return generation_queries.detail(
        db.session(), storage(), generation_id=generation_id, viewer=viewer()
    )
