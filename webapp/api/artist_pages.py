"""/users/:id/artist-page: banner, text, links and pinned pictures of an artist."""

from flask import Blueprint, Response

from webapp.domain.errors import (
    FieldProblem,
    GenerationNotFound,
    NotFound,
    PinLimitReached,
    ValidationFailed,
)
from webapp.domain.image_errors import (
    ImageCorrupt,
    ImageResolutionTooLow,
    ImageSizeExceeded,
    ImageTooLargePixels,
    ImageTooLong,
    InvalidImageFormat,
)
from webapp.domain.queries import artist_pages as page_queries
from webapp.domain.services import artist_pages
from webapp.extensions import db, storage
from webapp.http import bodies, envelope
from webapp.http.access import artist, public, user, viewer
from webapp.http.operations import File, operation
from webapp.schemas.artist_pages import ArtistPageChanges, ArtistPageView, BannerForm

blueprint = Blueprint("artist_pages", __name__)
BAD_BANNER = (
    InvalidImageFormat,
    ImageSizeExceeded,
    ImageResolutionTooLow,
    ImageTooLargePixels,
    ImageTooLong,
    ImageCorrupt,
)
LINKS = {"generation_id": "/pinned_pictures/0/id", "style_id": "/pinned_pictures/0/style/id"}


@blueprint.get("/users/<id:user_id>/artist-page")
@public
@operation(gives=ArtistPageView, errors=(NotFound,), links=LINKS)
def read(user_id: int) -> Response:
    """Show the page of an artist, also of one who has not written anything on it."""
    return _page(user_id)


@blueprint.patch("/users/me/artist-page")
@artist
@operation(gives=ArtistPageView)
def edit(body: ArtistPageChanges) -> Response:
    """Change the text or the links of the own page."""
    artist_pages.edit(db.session(), storage(), user=user(), **body.model_dump())
    return _page(user().id)


@blueprint.put("/users/me/artist-page/banner")
@bodies.accepts(bodies.MAX_BODY)
@artist
@operation(
    gives=ArtistPageView,
    errors=BAD_BANNER,
    files={"banner": File("A JPG or PNG of up to 5 MB, at least 200 pixels high and wide.")},
)
def put_banner(form: BannerForm) -> Response:
    """Replace the banner of the own page."""
    del form  # it has no field but the file
    banner = bodies.banner()
    if banner is None:
        raise ValidationFailed(fields={"banner": [FieldProblem("Must be a file.")]})
    artist_pages.edit(db.session(), storage(), user=user(), banner=banner)
    return _page(user().id)


@blueprint.delete("/users/me/artist-page/banner")
@artist
@operation(status=204)
def delete_banner() -> Response:
    """Remove the banner of the own page, if it has one."""
    artist_pages.edit(db.session(), storage(), user=user(), removes_banner=True)
    return envelope.no_content()


@blueprint.put("/users/me/artist-page/pictures/<id:generation_id>")
@artist
@operation(gives=ArtistPageView, errors=(GenerationNotFound, PinLimitReached))
def pin(generation_id: int) -> Response:
    """Pin a public picture in one of the artist's styles to the own page, which holds six."""
    artist_pages.pin(db.session(), user=user(), generation_id=generation_id)
    return _page(user().id)


@blueprint.delete("/users/me/artist-page/pictures/<id:generation_id>")
@artist
@operation(status=204, errors=(GenerationNotFound,))
def unpin(generation_id: int) -> Response:
    """Take a pinned picture down from the own page."""
    artist_pages.unpin(db.session(), user=user(), generation_id=generation_id)
    return envelope.no_content()


def _page(artist_id: int) -> Response:
    page = page_queries.detail(db.session(), storage(), artist_id=artist_id, viewer=viewer())
    return envelope.success(page)
