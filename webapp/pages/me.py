"""/me: the user's own pictures and styles, profile, signature, sessions, closing the account."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import DomainError
from webapp.domain.models.generation import GenerationStatus
from webapp.domain.queries import (
    accounts as account_queries,
    collections as collection_queries,
    data_exports as data_export_queries,
    generations as generation_queries,
    liked as liked_queries,
    payments as payment_queries,
    payouts as payout_queries,
    personal_files,
    styles as style_queries,
    users as user_queries,
)
from webapp.domain.queries.collections import CollectionView
from webapp.domain.queries.feed import FeedCard
from webapp.domain.queries.generation_views import OwnGenerationView
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.queries.pagination import Page, PageRequest
from webapp.domain.queries.styles import OwnStyleCard
from webapp.domain.services import accounts, leaving, notifications
from webapp.extensions import can_sign, db, storage
from webapp.http import bodies
from webapp.http.access import artist, signed_in, user, viewer
from webapp.pages import page_header, problems, words
from webapp.pages.fragments import is_fragment
from webapp.pages.problems import Problems
from webapp.schemas.accounts import ArtistChanges, Profile
from webapp.schemas.fields import PageQuery

blueprint = Blueprint("me", __name__, url_prefix="/me")
STYLES_SHOWN = 12
# Tabs that are no states: pictures of others too, and each with a template of its name.
LIKED, COLLECTIONS = "liked", "collections"
STATES = {
    "all": OwnFilter(),
    "public": OwnFilter(is_public=True),
    "private": OwnFilter(is_public=False, status=GenerationStatus.COMPLETED),
    "making": OwnFilter(unfinished=True),
    "failed": OwnFilter(status=GenerationStatus.FAILED),
}
Answer = str | AnyResponse | tuple[str, int]


@blueprint.get("")
@signed_in
def show() -> str:
    """Show own pictures in every state, those liked, or collections; for htmx, the next ones."""
    return page_of_pictures()


def page_of_pictures(problem: str = "") -> str:
    """Return the page of `show`, with a problem of a form on it."""
    state = request.args.get("state", "all")
    tabs = {LIKED: _liked, COLLECTIONS: _collections}
    state = state if state in {*STATES, *tabs} else "all"
    page = tabs[state]() if state in tabs else _own(state)
    if is_fragment():
        name = state if state in tabs else "works"
        return render_template(f"me/{name}.html", page=page, state=state)
    person = user_queries.profile(db.session(), storage(), user_id=user().id, viewer=viewer())
    return render_template(
        "me/index.html", page=page, state=state, person=person, styles=_styles(), problem=problem
    )


@blueprint.get("/settings")
@signed_in
def settings() -> Answer:
    """Show the forms of profile and signature, and the links to sign out and leave."""
    return page_of_settings()


@blueprint.post("/settings")
@bodies.accepts(bodies.MAX_BODY)
@signed_in
def change() -> Answer:
    """Change name, bio, language or photo."""
    try:
        bodies.check_parts(["profile_image"])
        fields = Profile.model_validate(request.form.to_dict())
        picture = bodies.profile_image() if problems.has_file("profile_image") else None
        accounts.update_profile(
            db.session(), storage(), user=user(), picture=picture, **fields.model_dump()
        )
    except (ValidationError, DomainError) as error:
        return page_of_settings(*problems.by_field(error, "profile_image"), form="profile")
    return redirect(url_for(".settings", saved="profile"), 303)


@blueprint.post("/settings/artist")
@bodies.accepts(bodies.MAX_BODY)
@artist
def change_artist() -> Answer:
    """Change the artist's name, or the signature of later pictures."""
    try:
        bodies.check_parts(["signature_image"])
        fields = ArtistChanges.model_validate(request.form.to_dict())
        signature = bodies.signature_image(None) if problems.has_file("signature_image") else None
        accounts.update_artist(
            db.session(),
            storage(),
            can_sign(),
            user=user(),
            signature=signature,
            **fields.model_dump(exclude={"signature_image"}),
        )
    except (ValidationError, DomainError) as error:
        return page_of_settings(*problems.by_field(error, "signature_image"), form="artist")
    return redirect(url_for(".settings", saved="artist"), 303)


@blueprint.post("/sign-out-everywhere")
@signed_in
def sign_out_everywhere() -> AnyResponse:
    """End every session of this user, including this one."""
    accounts.end_all_sign_ins(db.session(), user().id)
    session.clear()
    return redirect(url_for("pages.accounts.login"), 303)


@blueprint.get("/leave")
@signed_in
def consider() -> Answer:
    """Show the consequences of closing the account."""
    return _farewell()


@blueprint.post("/leave")
@signed_in
def leave() -> Answer:
    """Close the account, confirmed by the username."""
    try:
        result = leaving.leave(
            db.session(), user=user(), confirm=request.form.get("confirm", "").strip()
        )
    except DomainError as error:
        return _farewell(*problems.by_field(error, "confirm"))
    session.clear()
    return redirect(url_for("pages.accounts.login", left=result.value), 303)


def _own(state: str) -> Page[OwnGenerationView]:
    page = generation_queries.own(
        db.session(),
        storage(),
        user_id=user().id,
        filters=STATES[state],
        page=bodies.page(bodies.query(PageQuery)),
    )
    if not is_fragment():
        listed = [picture.id for picture in page.results]
        page_header.mark_seen(notifications.of_endings(listed))
    return page


def _liked() -> Page[FeedCard]:
    page = bodies.page(bodies.query(PageQuery))
    return liked_queries.pictures(db.session(), storage(), user_id=user().id, page=page)


def _collections() -> Page[CollectionView]:
    page = bodies.page(bodies.query(PageQuery))
    return collection_queries.own(db.session(), storage(), user_id=user().id, page=page)


def _styles() -> list[OwnStyleCard]:
    if user().artist is None:
        return []
    page = style_queries.own(
        db.session(), storage(), artist_id=user().id, page=PageRequest(limit=STYLES_SHOWN)
    )
    return page.results


def page_of_settings(wrong: Problems | None = None, status: int = 200, form: str = "") -> Answer:
    """Return the page of the settings, with the errors of one of its forms."""
    page_header.mark_seen(notifications.of_targets("data_export"))
    page = render_template(
        "me/settings.html",
        account=account_queries.account(db.session(), storage(), user()),
        values=request.form if wrong else {},
        form=form,
        data_export=data_export_queries.newest(db.session(), user().id),
        most_megabytes=personal_files.MOST_FILE_MEGABYTES,
        problems=wrong or {},
        saved=words.SAVED.get(request.args.get("saved", "")),
    )
    return page, status


def _farewell(wrong: Problems | None = None, status: int = 200) -> Answer:
    account = account_queries.account(db.session(), storage(), user())
    page = render_template(
        "me/leave.html",
        account=account,
        has_refundable_tokens=payment_queries.has_refundable_tokens(
            db.session(), user_id=user().id, balance=account.token_balance
        ),
        outcome=leaving.expected_outcome(db.session(), user().id),
        may_be_returned=payout_queries.may_be_returned(db.session(), user().id),
        problems=wrong or {},
    )
    return page, status
