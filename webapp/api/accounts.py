"""/auth and /users: who am I, sign out, change the profile, become an artist, leave."""

from flask import Blueprint, Response, session
from flask_login import current_user

from webapp.domain.errors import (
    AlreadyArtist,
    DuplicateUsername,
    FieldProblem,
    GenerationStillProcessing,
    PayoutOpen,
    TrainingInProgress,
    ValidationFailed,
)
from webapp.domain.image_errors import (
    ImageCorrupt,
    ImageSizeExceeded,
    ImageTooLargePixels,
    InvalidImageFormat,
)
from webapp.domain.queries import accounts as account_queries
from webapp.domain.services import accounts, leaving, ledger
from webapp.extensions import can_sign, db, storage
from webapp.http import bodies, csrf, envelope
from webapp.http.access import artist, public, signed_in, user
from webapp.http.operations import File, operation
from webapp.schemas.accounts import (
    Account,
    ArtistChanges,
    ArtistProfile,
    CsrfToken,
    Farewell,
    Left,
    LoggedOut,
    Profile,
    Upgraded,
    UpgradeToArtist,
)

blueprint = Blueprint("accounts", __name__)
BAD_IMAGE = (InvalidImageFormat, ImageSizeExceeded, ImageTooLargePixels, ImageCorrupt)
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
    return envelope.success(account_queries.account(db.session(), storage(), user()))


@blueprint.post("/auth/logout")
@signed_in
@operation(gives=LoggedOut)
def log_out() -> Response:
    """End this session on the server."""
    accounts.end_sign_in(db.session(), current_user.sign_in_id)
    session.clear()
    return envelope.success({"logged_out": True})


@blueprint.patch("/users/me")
@bodies.accepts(bodies.MAX_BODY)
@signed_in
@operation(
    gives=Account,
    errors=(DuplicateUsername, *BAD_IMAGE),
    files={"profile_image": File("A JPG or PNG of up to 5 MB.", required=False)},
)
def change_me(fields: Profile) -> Response:
    """Change name, bio, language or picture."""
    accounts.update_profile(
        db.session(),
        storage(),
        user=user(),
        picture=bodies.profile_image(),
        **fields.model_dump(),
    )
    return envelope.success(account_queries.account(db.session(), storage(), user()))


@blueprint.delete("/users/me")
@signed_in
@operation(gives=Left, errors=(TrainingInProgress, GenerationStillProcessing, PayoutOpen))
def leave(body: Farewell) -> Response:
    """Close the own account."""
    result = leaving.leave(db.session(), user=user(), confirm=body.confirm)
    session.clear()
    return envelope.success({"result": result})


@blueprint.post("/users/me/upgrade-to-artist")
@bodies.accepts(bodies.MAX_BODY)
@signed_in
@operation(
    gives=Upgraded,
    errors=(AlreadyArtist, DuplicateUsername, *BAD_IMAGE),
    files={"signature_image": SIGNATURE},
)
def upgrade_to_artist(fields: UpgradeToArtist) -> Response:
    """Become an artist, with the signature for every image."""
    signature = bodies.signature_image(fields.signature_image)
    if signature is None:
        raise ValidationFailed(
            fields={"signature_image": [FieldProblem("Must be a PNG file or data URL.")]}
        )
    new_artist = accounts.upgrade_to_artist(
        db.session(),
        storage(),
        can_sign(),
        user=user(),
        artist_name=fields.artist_name,
        contact_email=fields.contact_email,
        signature=signature,
    )
    return envelope.success(account_queries.upgrade(storage(), user(), new_artist))


@blueprint.patch("/users/me/artist")
@bodies.accepts(bodies.MAX_BODY)
@artist
@operation(
    gives=ArtistProfile,
    errors=(DuplicateUsername, *BAD_IMAGE),
    files={"signature_image": File("A PNG of up to 2 MB, or its data URL.", required=False)},
)
def change_artist(fields: ArtistChanges) -> Response:
    """Change the artist's name, or the signature of later images."""
    artist = accounts.update_artist(
        db.session(),
        storage(),
        can_sign(),
        user=user(),
        signature=bodies.signature_image(fields.signature_image),
        **fields.model_dump(exclude={"signature_image"}),
    )
    earned = ledger.balances(db.session(), user().id).earned
    return envelope.success(account_queries.own_artist(storage(), user(), artist, earned))
