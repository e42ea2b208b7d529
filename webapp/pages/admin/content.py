"""/admin/styles, /images, /comments, /tags, /collections, /artworks: content to hide or show."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.domain.models.license import CertificateStatus
from webapp.domain.queries import (
    generations as generation_queries,
    licenses as license_queries,
    moderation as moderation_queries,
    shown_artworks,
    styles as style_queries,
)
from webapp.domain.queries.answers import extended
from webapp.domain.queries.generation_views import OwnGenerationView
from webapp.domain.queries.moderation import ModerationFilter
from webapp.domain.queries.pagination import Page, PageRequest
from webapp.domain.services import moderation
from webapp.domain.services.moderation import Changes
from webapp.extensions import db, storage
from webapp.http import bodies
from webapp.http.access import admin, user
from webapp.pages.admin import actions, forms
from webapp.pages.admin.actions import Actions
from webapp.pages.admin.forms import ActionForm
from webapp.schemas.admin import ModerationQuery

blueprint = Blueprint("content", __name__)
Change = Callable[[int, Changes, str], None]


class ContentQuery(ModerationQuery):
    """The query of a list: `person` is a name, an e-mail address or a number."""

    person: forms.Person | None = None


@dataclass(frozen=True)
class Content:
    """One kind of content: its actions, its list, and the service that changes it."""

    actions: Actions
    # The items differ by kind; templates read them by attribute.
    read_page: Callable[[ModerationFilter, PageRequest], Page[Any]]
    change: Change


@dataclass(frozen=True, slots=True)
class LicensedGeneration(OwnGenerationView):
    """A picture with the status of its certificate; None without one."""

    license_status: str | None


def _images(filters: ModerationFilter, page: PageRequest) -> Page[LicensedGeneration]:
    pictures = generation_queries.for_admin(db.session(), storage(), filters=filters, page=page)
    licensed = [image.id for image in pictures.results if image.license]
    states = license_queries.states(db.session(), licensed)
    results = [
        extended(LicensedGeneration, image, license_status=states.get(image.id))
        for image in pictures.results
    ]
    return Page(results, pictures.next_cursor)


def _change_style(style_id: int, changes: Changes, reason: str) -> None:
    moderation.change_style(
        db.session(), admin=user(), style_id=style_id, changes=changes, reason=reason
    )


def _change_image(generation_id: int, changes: Changes, reason: str) -> None:
    license_status = changes.get("license_status")
    moderation.change_generation(
        db.session(),
        admin=user(),
        generation_id=generation_id,
        changes={name: value for name, value in changes.items() if name != "license_status"},
        license_status=None if license_status is None else CertificateStatus(str(license_status)),
        reason=reason,
    )


def _change_comment(comment_id: int, changes: Changes, reason: str) -> None:
    moderation.change_comment(
        db.session(),
        admin=user(),
        comment_id=comment_id,
        is_hidden=bool(changes["is_hidden"]),
        reason=reason,
    )


def _change_tag(tag_id: int, changes: Changes, reason: str) -> None:
    moderation.change_tag(db.session(), admin=user(), tag_id=tag_id, changes=changes, reason=reason)


def _change_collection(collection_id: int, changes: Changes, reason: str) -> None:
    moderation.change_collection(
        db.session(),
        admin=user(),
        collection_id=collection_id,
        is_flagged=bool(changes["is_flagged"]),
        reason=reason,
    )


def _change_artwork(artwork_id: int, changes: Changes, reason: str) -> None:
    moderation.change_artwork(
        db.session(),
        admin=user(),
        artwork_id=artwork_id,
        is_flagged=bool(changes["is_flagged"]),
        reason=reason,
    )


CONTENT: dict[str, Content] = {
    "styles": Content(
        actions.STYLES,
        lambda filters, page: style_queries.for_admin(
            db.session(), storage(), filters=filters, page=page
        ),
        _change_style,
    ),
    "images": Content(
        actions.IMAGES,
        _images,
        _change_image,
    ),
    "comments": Content(
        actions.COMMENTS,
        lambda filters, page: moderation_queries.comments(db.session(), filters=filters, page=page),
        _change_comment,
    ),
    "tags": Content(
        actions.TAGS,
        lambda filters, page: moderation_queries.tags(db.session(), filters=filters, page=page),
        _change_tag,
    ),
    "collections": Content(
        actions.COLLECTIONS,
        lambda filters, page: moderation_queries.collections(
            db.session(), filters=filters, page=page
        ),
        _change_collection,
    ),
    "artworks": Content(
        actions.ARTWORKS,
        lambda filters, page: shown_artworks.for_admin(
            db.session(), storage(), filters=filters, page=page
        ),
        _change_artwork,
    ),
}


@blueprint.get(f"/<any({','.join(CONTENT)}):name>")
@admin
def index(name: str) -> str:
    """Show one kind of content, newest first."""
    query = forms.query(ContentQuery)
    person = moderation_queries.user_named(db.session(), query.person) if query.person else None
    filters = ModerationFilter(
        is_flagged=query.is_flagged,
        is_active=query.is_active,
        q=query.q,
        user_id=forms.sought_id(person, query.person) if query.person else query.user_id,
    )
    content = CONTENT[name]
    page = content.read_page(filters, bodies.page(query))
    return render_template(
        f"admin/{name}.html",
        name=name,
        page=page,
        filters=filters,
        sought=query.person or query.user_id,
        is_nobody=query.person is not None and person is None,
        content_actions=content.actions,
    )


@blueprint.post(f"/<any({','.join(CONTENT)}):name>/<id:row_id>")
@admin
def change(name: str, row_id: int) -> Response:
    """Apply an action to one item."""
    content = CONTENT[name]

    def action() -> str:
        form = forms.form(ActionForm)
        if form.action not in content.actions:
            raise forms.unknown_action()
        content.change(row_id, dict(content.actions[form.action].change), form.reason)
        return form.action

    def undoing() -> str:
        name = actions.UNDONE_BY.get(forms.form(ActionForm).action)
        action = content.actions.get(name or "")
        return render_template("admin/undo.html", name=name, action=action) if action else ""

    return forms.respond(action, undoing)
