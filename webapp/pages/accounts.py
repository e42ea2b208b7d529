"""Sign in and out, become an artist, choose language and theme."""

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask_login import current_user
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import (
    AlreadyArtist,
    DomainError,
    FieldProblem,
    ValidationFailed,
)
from webapp.domain.services import accounts, ledger
from webapp.extensions import app_settings, can_sign, db, storage
from webapp.http import bodies, browsers, csrf
from webapp.http.access import public, signed_in, user
from webapp.http.google import local_path
from webapp.pages import problems, words
from webapp.schemas.accounts import UpgradeToArtist

blueprint = Blueprint("accounts", __name__)
SIGNATURE = "signature_image"
YEAR_SECONDS = 365 * 24 * 3600
CHOICES = {"lang": ("en", "ko"), "theme": ("auto", "light", "dark")}


@blueprint.get("/login")
@public
def login() -> AnyResponse:
    """Show the Google button and the error of the last attempt; rate limited per browser."""
    after = local_path(request.args.get("next", "/"))
    if current_user.is_authenticated:
        return redirect(after)
    error = words.SIGN_IN_ERRORS.get(request.args.get("error", ""))
    left = words.FAREWELLS.get(request.args.get("left", ""))
    is_sandbox = app_settings().google_base_url is not None
    page = make_response(
        render_template(
            "accounts/login.html",
            after=after,
            error=error,
            left=left,
            is_sandbox=is_sandbox,
            welcome_tokens=ledger.WELCOME_TOKENS,
        )
    )
    browsers.name(page)
    return page


@blueprint.post("/logout")
@signed_in
def log_out() -> AnyResponse:
    """End this session on the server."""
    accounts.end_sign_in(db.session(), current_user.sign_in_id)
    session.clear()
    return redirect(url_for("pages.feed.show"))


@blueprint.get("/become-artist")
@signed_in
def become_artist() -> str | AnyResponse:
    """Show the form to become an artist."""
    if user().artist is not None:
        return redirect(url_for("pages.studio.home"))
    return render_template("accounts/become_artist.html", values={}, problems={})


@blueprint.post("/become-artist")
@bodies.accepts(bodies.MAX_BODY)
@signed_in
def upgrade() -> AnyResponse | tuple[str, int]:
    """Make a user an artist from a plain form, with the signature as a file."""
    values = {name: text for name, text in request.form.items() if text.strip()}
    try:
        bodies.check_parts([SIGNATURE])
        fields = UpgradeToArtist.model_validate(values | {"signature_image": None})
        if not problems.has_file(SIGNATURE):
            raise ValidationFailed(fields={SIGNATURE: [FieldProblem("Must be a PNG file.")]})
        accounts.upgrade_to_artist(
            db.session(),
            storage(),
            can_sign(),
            user=user(),
            artist_name=fields.artist_name,
            contact_email=fields.contact_email,
            signature=bodies.signature_image(None) or b"",
        )
    except AlreadyArtist:
        return redirect(url_for("pages.studio.home"))
    except (ValidationError, DomainError) as error:
        texts, status = problems.by_field(error, SIGNATURE)
        if not problems.has_file(SIGNATURE):
            texts |= {SIGNATURE: str(words.FIELD_PROBLEMS[SIGNATURE])}
        page = render_template("accounts/become_artist.html", values=values, problems=texts)
        return page, status
    return redirect(url_for("pages.studio.home"), 303)


@blueprint.post("/preferences")
@public
def choose() -> AnyResponse:
    """Store the language or theme in a cookie, and the language in the account."""
    answer = redirect(local_path(request.form.get("next", "/")))
    for name, allowed in CHOICES.items():
        chosen = request.form.get(name)
        if chosen in allowed:
            answer.set_cookie(name, chosen, max_age=YEAR_SECONDS, samesite="Lax")
    language = request.form.get("lang")
    if language in CHOICES["lang"] and current_user.is_authenticated:
        # Another site must not change an account, not even its language.
        csrf.check(current_user.sign_in_id)
        accounts.update_profile(db.session(), storage(), user=user(), language=language)
    return answer
