"""/styles (also /models): the catalogue, training a style from artworks, publishing it."""

from typing import cast

from flask import Blueprint, Response, g
from sqlalchemy.orm import Session

from webapp.api import webhook_aliases
from webapp.domain.errors import (
    DuplicateStyleName,
    Forbidden,
    GenerationStillProcessing,
    InvalidTagLanguage,
    InvalidTransition,
    StyleInUse,
    StyleLimitReached,
    StyleNotFound,
    StyleNotReady,
    StyleOutdated,
    TagNotAllowed,
    TrainingInProgress,
    Unauthorized,
    UploadIncomplete,
)
from webapp.domain.image_errors import (
    DuplicateImage,
    ImageCorrupt,
    ImageResolutionTooLow,
    ImageSizeExceeded,
    ImageTooLargePixels,
    ImageTooLong,
    InsufficientImages,
    InvalidImageFormat,
    TooManyImages,
)
from webapp.domain.models.api_key import Scope
from webapp.domain.models.style import Style
from webapp.domain.queries import style_detail, styles as style_queries
from webapp.domain.queries.answers import extended
from webapp.domain.queries.styles import StyleFilter
from webapp.domain.services import offers, styles
from webapp.domain.services.artworks import DeclaredFile, StoredImage, Upload
from webapp.domain.services.styles import NewStyle
from webapp.extensions import app_settings, db, storage, unit_of_work
from webapp.http import bodies, envelope, event_streams, localize
from webapp.http.access import (
    allows_keys,
    artist,
    current_artist,
    or_worker,
    own_transactions,
    public,
    signed_in,
    user,
    viewer,
)
from webapp.http.operations import EVENTS, File, Idempotency, operation
from webapp.schemas.checkpoints import Publication
from webapp.schemas.fields import Listed, PageQuery
from webapp.schemas.styles import (
    AwaitedStyleView,
    DeclaredFileBody,
    DeclaredStyle,
    OwnStyleCard,
    OwnStyleView,
    RetrainBody,
    RetrainForm,
    StyleCard,
    StyleChanges,
    StyleFields,
    StyleForm,
    StyleListQuery,
    StyleView,
)

blueprint = Blueprint("styles", __name__)
CREATION = Idempotency("POST /styles", "/api/v1/styles/{id}")
LINKS = {"style_id": "/id"}
FIRST = {"style_id": "/results/0/id"}
# What the request itself checks of images: their number, size, type, header and tags.
BAD_IMAGES = (
    InsufficientImages,
    TooManyImages,
    ImageSizeExceeded,
    InvalidImageFormat,
    ImageResolutionTooLow,
    ImageTooLargePixels,
    ImageCorrupt,
    ImageTooLong,
    DuplicateImage,
    InvalidTagLanguage,
    TagNotAllowed,
)


@blueprint.get("/styles")
@blueprint.get("/models")
@allows_keys(Scope.READ)
@public
@operation(gives=Listed[StyleCard], errors=(Unauthorized,), links=FIRST)
def list_styles(query: StyleListQuery) -> Response:
    """List the catalogue."""
    if query.following and viewer().user_id is None:
        raise Unauthorized
    filters = StyleFilter(
        sort="recent" if query.sort == "created_at" else query.sort,
        tags=tuple(query.tags),
        tags_any=tuple(query.tags_any),
        artist_id=query.artist_id,
        license_type=query.license_type,
        max_price=query.max_price,
        following=query.following,
        training_status=query.training_status,
    )
    page = style_queries.catalogue(
        db.session(), storage(), filters=filters, viewer=viewer(), page=bodies.page(query)
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/styles/me")
@allows_keys(Scope.READ)
@artist
@operation(gives=Listed[OwnStyleCard], links=FIRST)
def list_own(query: PageQuery) -> Response:
    """List the artist's own styles, in every state."""
    page = style_queries.own(db.session(), storage(), artist_id=user().id, page=bodies.page(query))
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/styles/<id:style_id>")
@blueprint.get("/models/<id:style_id>")
@blueprint.get("/models/<id:style_id>/status")
@allows_keys(Scope.READ)
@public
@operation(gives=StyleView | OwnStyleView, errors=(StyleNotFound,))
def read(style_id: int) -> Response:
    """Show one style."""
    return envelope.success(_view(db.session(), style_id))


@blueprint.get("/styles/<id:style_id>/events")
@public
@operation(gives=StyleView | OwnStyleView, errors=(StyleNotFound,), media=EVENTS)
def watch(style_id: int) -> Response:
    """Stream one style until its training ends."""
    caller, objects = viewer(), storage()
    style_detail.detail(db.session(), objects, style_id=style_id, viewer=caller)
    return event_streams.stream(
        stamp=lambda session: style_detail.stamp(session, style_id),
        read=lambda session: localize.style(
            style_detail.detail(session, objects, style_id=style_id, viewer=caller)
        ),
        is_final=style_detail.is_final,
    )


def _stored_images(form: StyleForm | None, **_body: object) -> list[StoredImage]:
    if form is None:
        return []
    artist_id = user().id
    uploaded = bodies.uploaded_images(form.image_tags)
    return styles.store_images(
        unit_of_work, storage(), artist_id=artist_id, new=_new(form), uploaded=uploaded
    )


def _added_images(style_id: int, form: RetrainForm) -> list[StoredImage]:
    artist_id = user().id
    return styles.store_added_images(
        unit_of_work,
        storage(),
        artist_id=artist_id,
        style_id=style_id,
        uploaded=bodies.uploaded_images(form.image_tags),
    )


@blueprint.post("/styles")
@blueprint.post("/models")
@blueprint.post("/models/train")
@bodies.accepts(bodies.MAX_STYLE_BODY)
@allows_keys(Scope.MANAGE)
@artist
@operation(
    gives=OwnStyleView | AwaitedStyleView,
    status=201,
    errors=(StyleLimitReached, DuplicateStyleName, *BAD_IMAGES),
    files={"images": File("JPG or PNG, at least 512×512, up to 10 MB each.", many=(10, 100))},
    idempotent=CREATION,
    prepare=_stored_images,
    links=LINKS,
)
def create(
    form: StyleForm | None, body: DeclaredStyle | None, prepared: list[StoredImage]
) -> style_detail.StyleView:
    """Make a style: from the files of a form, or from files that will be uploaded to storage."""
    if form is not None:
        return _create_from_form(form, prepared)
    return _create_from_json(cast("DeclaredStyle", body))


def _create_from_form(form: StyleForm, stored: list[StoredImage]) -> style_detail.StyleView:
    style = styles.create_from_images(
        db.session(),
        artist=current_artist(),
        new=_new(form),
        stored=stored,
        base_model=app_settings().base_model,
        request_id=g.request_id,
        accept_similar=form.accept_similar,
    )
    return _view(db.session(), style.id)


def _create_from_json(body: DeclaredStyle) -> style_detail.AwaitedStyleView:
    style, uploads = styles.create_from_declared(
        db.session(),
        storage(),
        artist=current_artist(),
        new=_new(body),
        files=_declared(body.files),
        base_model=app_settings().base_model,
        accept_similar=body.accept_similar,
    )
    return _with_uploads(style, uploads)


@blueprint.patch("/styles/<id:style_id>")
@blueprint.patch("/models/<id:style_id>")
@or_worker(webhook_aliases.training_progress)
@allows_keys(Scope.MANAGE)
@signed_in
@operation(gives=OwnStyleView, errors=(Forbidden, StyleNotReady, StyleLimitReached, StyleNotFound))
def edit(style_id: int, body: StyleChanges) -> Response:
    """Change the terms of an own style, or switch it on or off."""
    offers.edit(db.session(), user=user(), style_id=style_id, changes=body.terms())
    return envelope.success(_view(db.session(), style_id))


@blueprint.delete("/styles/<id:style_id>")
@blueprint.delete("/models/<id:style_id>")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(status=204, errors=(Forbidden, StyleInUse, TrainingInProgress, StyleNotFound))
def remove(style_id: int) -> Response:
    """Delete an unused style."""
    offers.remove(db.session(), user=user(), style_id=style_id)
    return envelope.no_content()


@blueprint.post("/styles/<id:style_id>/confirm-upload")
@own_transactions
@allows_keys(Scope.MANAGE)
@signed_in
@operation(
    gives=OwnStyleView, errors=(UploadIncomplete, Forbidden, InvalidTransition, StyleNotFound)
)
def confirm_upload(style_id: int) -> Response:
    """Start the checks of a style whose files are all in storage."""
    styles.confirm_upload(
        unit_of_work,
        storage(),
        artist_id=user().id,
        style_id=style_id,
        request_id=g.request_id,
    )
    with unit_of_work() as session:
        return envelope.success(_view(session, style_id))


@blueprint.post("/styles/<id:style_id>/cancel")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(gives=OwnStyleView, errors=(Forbidden, InvalidTransition, StyleNotFound))
def cancel(style_id: int) -> Response:
    """Stop a training, or the wait for its files; the artworks stay and can be trained again."""
    styles.cancel(db.session(), artist_id=user().id, style_id=style_id)
    return envelope.success(_view(db.session(), style_id))


@blueprint.post("/styles/<id:style_id>/retrain")
@bodies.accepts(bodies.MAX_STYLE_BODY)
@allows_keys(Scope.MANAGE)
@signed_in
@operation(
    gives=OwnStyleView | AwaitedStyleView,
    errors=(
        Forbidden,
        TrainingInProgress,
        InvalidTransition,
        StyleNotFound,
        StyleLimitReached,
        GenerationStillProcessing,
        *BAD_IMAGES,
    ),
    files={"images": File("New artworks, as for a new style.", many=(0, 100), required=False)},
)
def retrain(style_id: int, form: RetrainForm | None, body: RetrainBody | None) -> Response:
    """Train a style again that failed or is not on sale yet, with artworks taken out or added."""
    changes = form if form is not None else cast("RetrainBody", body)
    stored = _added_images(style_id, form) if form is not None else []
    style, uploads = styles.retrain(
        db.session(),
        storage(),
        artist_id=user().id,
        style_id=style_id,
        remove_artwork_ids=changes.remove_artwork_ids,
        stored=stored,
        files=_declared(body.files) if body is not None else [],
        request_id=g.request_id,
        accept_similar=changes.accept_similar,
        publish=changes.publish,
    )
    if uploads:
        return envelope.success(_with_uploads(style, uploads))
    return envelope.success(_view(db.session(), style.id))


@blueprint.post("/styles/<id:style_id>/publish")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(
    gives=OwnStyleView,
    errors=(Forbidden, InvalidTransition, StyleLimitReached, StyleNotFound, StyleOutdated),
)
def publish(style_id: int, body: Publication) -> Response:
    """Put a trained style on sale, as one of its checkpoints, with a sample as its cover."""
    offers.publish(
        db.session(), user=user(), style_id=style_id, step=body.checkpoint, cover=body.cover
    )
    return envelope.success(_view(db.session(), style_id))


def _new(fields: StyleFields) -> NewStyle:
    return NewStyle(
        name=fields.name,
        english_name=fields.english_name,
        description=fields.description,
        prices=fields.sold(),
        valid_from=fields.valid_from,
        valid_to=fields.valid_to,
        tags=tuple(fields.tags),
        rights_statement=fields.rights_statement,
        publish=fields.publish,
    )


def _declared(files: list[DeclaredFileBody]) -> list[DeclaredFile]:
    return [
        DeclaredFile(file.filename, file.size, file.content_type, tuple(file.tags))
        for file in files
    ]


def _view(session: Session, style_id: int) -> style_detail.StyleView:
    view = style_detail.detail(session, storage(), style_id=style_id, viewer=viewer())
    return localize.style(view)


def _with_uploads(style: Style, uploads: list[Upload]) -> style_detail.AwaitedStyleView:
    return extended(
        style_detail.AwaitedStyleView,
        _view(db.session(), style.id),
        uploads=uploads,
        confirm_url=f"/api/v1/styles/{style.id}/confirm-upload",
    )
