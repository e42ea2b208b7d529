"""/auth and /users: who am I, sign out, change the profile, become an artist, leave."""

from flask import Blueprint, Response, session
from flask_login import current_user

from webapp.api import bodies, csrf, envelope
from webapp.api.access import artist, public, signed_in, user
from webapp.domain.errors import ValidationFailed
from webapp.domain.services import accounts, leaving, ledger
from webapp.extensions import db, storage
from webapp.schemas.accounts import ArtistProfile, Farewell, Profile, UpgradeToArtist

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/auth/csrf")
@public
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
def read_me() -> Response:
    """Show the own account."""
    return envelope.success(accounts.profile(db.session(), storage(), user()))


@blueprint.post("/auth/logout")
@signed_in
def log_out() -> Response:
    """End this session on the server."""
    accounts.end_sign_in(db.session(), current_user.sign_in_id)
    session.clear()
    return envelope.success({"logged_out": True})


@blueprint.patch("/users/me")
@bodies.accepts(bodies.MAX_BODY)
@signed_in
def change_me() -> Response:
    """Change name, bio, language or picture."""
    body = bodies.form_body(Profile) if bodies.is_multipart() else bodies.json_body(Profile)
    accounts.update_profile(
        db.session(),
        storage(),
        user=user(),
        picture=bodies.profile_image(),
        **body.model_dump(),
    )
    return envelope.success(accounts.profile(db.session(), storage(), user()))


@blueprint.delete("/users/me")
@signed_in
def leave() -> Response:
    """Close the own account."""
    body = bodies.json_body(Farewell)
    result = leaving.leave(db.session(), user=user(), confirm=body.confirm)
    session.clear()
    return envelope.success({"result": result})


@blueprint.post("/users/me/upgrade-to-artist")
@bodies.accepts(bodies.MAX_BODY)
@signed_in
def upgrade_to_artist() -> Response:
    """Become an artist, with the signature that will stand on every image."""
    model = UpgradeToArtist
    body = bodies.form_body(model) if bodies.is_multipart() else bodies.json_body(model)
    signature = bodies.signature_image(body.signature_image)
    if signature is None:
        raise ValidationFailed(fields={"signature_image": ["A PNG file or data URL is needed."]})
    made = accounts.upgrade_to_artist(
        db.session(),
        storage(),
        user=user(),
        artist_name=body.artist_name,
        verified_email=body.verified_email,
        signature=signature,
    )
    return envelope.success(accounts.upgraded(storage(), user(), made))


@blueprint.patch("/users/me/artist")
@bodies.accepts(bodies.MAX_BODY)
@artist
def change_artist() -> Response:
    """Change the artist's name, or the signature of later images."""
    model = ArtistProfile
    body = bodies.form_body(model) if bodies.is_multipart() else bodies.json_body(model)
    changed = accounts.update_artist(
        db.session(),
        storage(),
        user=user(),
        signature=bodies.signature_image(body.signature_image),
        **body.model_dump(exclude={"signature_image"}),
    )
    earned = ledger.balances(db.session(), user().id).earned
    return envelope.success(accounts.artist_profile(storage(), user(), changed, earned))
