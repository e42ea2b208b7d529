"""/auth and /users: who am I, sign out, change the profile, become an artist."""

from flask import Blueprint, Response, session
from flask_login import current_user

from webapp.api import bodies, csrf, envelope
from webapp.api.access import public, signed_in, user
from webapp.api.operations import File, operation
from webapp.domain.errors import (
    AlreadyArtist,
    DuplicateUsername,
    ImageCorrupt,
    ImageSizeExceeded,
    ImageTooLargePixels,
    InvalidImageFormat,
)
from webapp.domain.services import accounts
from webapp.extensions import db, storage
from webapp.schemas.accounts import (
    Account,
    CsrfToken,
    LoggedOut,
    Profile,
    Upgraded,
    UpgradeToArtist,
)

blueprint = Blueprint("accounts", __name__)
BAD_SIGNATURE = (InvalidImageFormat, ImageSizeExceeded, ImageTooLargePixels, ImageCorrupt)
SIGNATURE = File("A PNG of up to 2 MB, or its data URL.")


@blueprint.get("/auth/csrf")
@public
@operation(gives=CsrfToken)
def read_csrf() -> Response:
    """Give the token that unsafe requests carry, and its cookie."""
    sign_in_id = current_user.sign_in_id if current_user.is_authenticated else None
    token = csrf.token_for(sign_in_id)
    response = envelope.success({"csrf_token": token})
    csrf.set_cookie(response, token)
    return response


@blueprint.get("/auth/me")
@blueprint.get("/users/me")
@signed_in
@operation(gives=Account)
def read_me() -> Response:
    """Show the own account."""
    return envelope.success(accounts.profile(db.session(), storage(), user()))


@blueprint.post("/auth/logout")
@signed_in
@operation(gives=LoggedOut)
def log_out() -> Response:
    """End this session on the server."""
    accounts.end_sign_in(db.session(), current_user.sign_in_id)
    session.clear()
    return envelope.success({"logged_out": True})


@blueprint.patch("/users/me")
@signed_in
@operation(gives=Account, errors=(DuplicateUsername,))
def change_me(fields: Profile) -> Response:
    """Change name, bio or language."""
    accounts.update_profile(db.session(), user=user(), **fields.model_dump())
    return envelope.success(accounts.profile(db.session(), storage(), user()))


@blueprint.post("/users/me/upgrade-to-artist")
@signed_in
@operation(
    gives=Upgraded,
    errors=(AlreadyArtist, *BAD_SIGNATURE),
    files={"signature_image": SIGNATURE},
)
def upgrade_to_artist(fields: UpgradeToArtist) -> Response:
    """Become an artist, with the signature that will stand on every image."""
    artist = accounts.upgrade_to_artist(
        db.session(),
        storage(),
        user=user(),
        artist_name=fields.artist_name,
        verified_email=fields.verified_email,
        signature=bodies.signature_image(fields.signature_image),
    )
    return envelope.success(accounts.upgraded(storage(), user(), artist))
