"""/studio: the artist's styles, a new style in four steps, the signature."""

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_babel import get_locale, gettext
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import DomainError, ValidationFailed
from webapp.domain.queries import (
    accounts as account_queries,
    checkpoints,
    style_detail,
    styles as style_queries,
)
from webapp.domain.queries.accounts import OwnArtist
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.style_detail import OwnStyleView
from webapp.domain.services import accounts, notifications, offers, rights, styles
from webapp.domain.services.artworks import MAX_IMAGE_TAGS, MAX_IMAGES, MIN_IMAGES
from webapp.extensions import can_sign, db, storage
from webapp.http import errors as api_errors, localize
from webapp.http.access import artist, public, signed_in, user, viewer
from webapp.pages import page_header, style_terms
from webapp.schemas.accounts import ArtistChanges
from webapp.schemas.styles import RetrainForm, StyleChanges

blueprint = Blueprint("studio", __name__)
STYLES_SHOWN = 20


@blueprint.get("/studio")
@artist
def home() -> str:
    """Show the artist's styles in every state, each with its next step."""
    return _home()


@blueprint.get("/styles/new")
@public
def old_address() -> AnyResponse:
    """Redirect the former URL of the form."""
    return redirect(url_for("pages.studio.new"), 301)


@blueprint.get("/studio/new")
@artist
def new() -> str:
    """Show the four steps of a new style; or the style in the slot, with its missing files."""
    active = _active()
    if active is not None:
        return render_template("studio/taken.html", style=active, limits=_limits())
    language = str(get_locale() or "en")
    return render_template(
        "studio/new.html",
        person=_signature(),
        limits=_limits(),
        statement=rights.statement(language),
        draft=user().id,
    )


@blueprint.get("/studio/signature")
@artist
def signature() -> str:
    """Show the signature of the artist."""
    return render_template("studio/signature.html", person=_signature())


@blueprint.post("/studio/signature")
@artist
def change_signature() -> AnyResponse | tuple[str, int]:
    """Save position, size and opacity of the signature, from a plain form."""
    try:
        changes = ArtistChanges.model_validate(
            {name: text for name, text in request.form.items() if name.startswith("signature_")}
        )
        signature = changes.model_dump(exclude={"artist_name", "signature_image"})
        accounts.update_artist(db.session(), storage(), can_sign(), user=user(), **signature)
    except ValidationError:
        problem = gettext(ValidationFailed.code)
        page = render_template("studio/signature.html", person=_signature(), problem=problem)
        return page, ValidationFailed.status
    return redirect(url_for("pages.studio.signature", saved="yes"), 303)


@blueprint.post("/studio/styles/<id:style_id>/terms")
@artist
def change_terms(style_id: int) -> AnyResponse | tuple[str, int]:
    """Change the price of a style, or stop or start selling it, from a plain form."""
    try:
        changes = StyleChanges.model_validate(style_terms.fields()).terms()
        offers.edit(db.session(), user=user(), style_id=style_id, changes=changes)
    except ValidationError as error:
        return _home(" ".join(style_terms.wrong(error).values())), ValidationFailed.status
    except DomainError as error:
        db.session.rollback()
        return _home(api_errors.message(error)), error.status
    return redirect(url_for("pages.studio.home"), 303)


@blueprint.post("/studio/styles/<id:style_id>/cancel")
@signed_in
def cancel(style_id: int) -> AnyResponse:
    """Cancel a training or an unfinished upload, from a plain form."""
    styles.cancel(db.session(), artist_id=user().id, style_id=style_id)
    return redirect(url_for("pages.styles.show", style_id=style_id), 303)


@blueprint.post("/studio/styles/<id:style_id>/retrain")
@signed_in
def retrain(style_id: int) -> AnyResponse:
    """Train a style again without the selected artworks, from a plain form."""
    form = RetrainForm.model_validate(
        {
            "remove_artwork_ids": request.form.getlist("remove_artwork_ids"),
            "accept_similar": request.form.get("accept_similar", "") == "yes",
        }
    )
    styles.retrain(
        db.session(),
        storage(),
        artist_id=user().id,
        style_id=style_id,
        remove_artwork_ids=form.remove_artwork_ids,
        stored=[],
        files=[],
        request_id=g.request_id,
        accept_similar=form.accept_similar,
    )
    return redirect(url_for("pages.styles.show", style_id=style_id), 303)


def _home(problem: str | None = None) -> str:
    page = style_queries.own(
        db.session(), storage(), artist_id=user().id, page=PageRequest(limit=STYLES_SHOWN)
    )
    active = next((style for style in page.results if style.is_active), None)
    if active is not None:
        page_header.mark_seen(notifications.of_style(active.id))
    return render_template(
        "studio/index.html",
        style=active and _style(active.id),
        earned=active and active.total_earned_tokens,
        learned=active and _learned(active.id),
        others=[style for style in page.results if style is not active],
        person=_signature(),
        form=request.form,
        problem=problem,
    )


def _learned(style_id: int) -> str | None:
    """Return how much of the style was learned, in words, if that was measured."""
    gain = checkpoints.sold_gain(db.session(), style_id)
    return None if gain is None else localize.gain_summary(gain.learned)


def _active() -> OwnStyleView | None:
    """Return the style that uses the artist's slot; a failed one does not count."""
    style_id = offers.active_style(db.session(), user().id)
    return None if style_id is None else _style(style_id)


def _style(style_id: int) -> OwnStyleView:
    return style_detail.own(
        db.session(), storage(), style_id=style_id, viewer=viewer(), with_decided=False
    )


def _signature() -> OwnArtist | None:
    return account_queries.account(db.session(), storage(), user()).artist


def _limits() -> dict[str, int]:
    return {"least": MIN_IMAGES, "most": MAX_IMAGES, "tags": MAX_IMAGE_TAGS}
