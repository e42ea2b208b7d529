"""/admin/styles, /images, /comments, /tags: what people made and said, to be hidden or shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.domain.models.license import CertificateStatus
from webapp.domain.queries import (
    generations as generation_queries,
)
from webapp.domain.queries import (
    licenses as license_queries,
)
from webapp.domain.queries import (
    moderation as moderation_queries,
)
from webapp.domain.queries import (
    styles as style_queries,
)
from webapp.domain.queries.moderation import ModerationFilter
from webapp.domain.queries.pagination import Page, PageRequest
from webapp.domain.services import moderation
from webapp.extensions import db, storage
from webapp.http import bodies
from webapp.http.access import admin, user
from webapp.pages.admin import acts, answers
from webapp.pages.admin.acts import Acts
from webapp.pages.admin.answers import ActForm
from webapp.schemas.admin import ModerationQuery

blueprint = Blueprint("works", __name__)
Change = Callable[[int, dict[str, Any], str], None]


@dataclass(frozen=True)
class Sort:
    """One sort of things: how they are listed, and what can be done to them."""

    acts: Acts
    listed: Callable[[ModerationFilter, PageRequest], Page]
    change: Change


def _images(wanted: ModerationFilter, page: PageRequest) -> Page:
    found = generation_queries.for_admin(db.session(), storage(), wanted=wanted, page=page)
    licensed = [image["id"] for image in found.results if image["license"]]
    states = license_queries.states(db.session(), licensed)
    for image in found.results:
        if image["id"] in states:
            image["license_status"] = states[image["id"]]
    return found


def _change_style(style_id: int, changes: dict[str, Any], reason: str) -> None:
    moderation.change_style(
        db.session(), admin=user(), style_id=style_id, changes=changes, reason=reason
    )


def _change_image(generation_id: int, changes: dict[str, Any], reason: str) -> None:
    license_status = changes.pop("license_status", None)
    moderation.change_generation(
        db.session(),
        admin=user(),
        generation_id=generation_id,
        changes=changes,
        license_status=license_status and CertificateStatus(license_status),
        reason=reason,
    )


def _change_comment(comment_id: int, changes: dict[str, Any], reason: str) -> None:
    moderation.change_comment(
        db.session(), admin=user(), comment_id=comment_id, reason=reason, **changes
    )


def _change_tag(tag_id: int, changes: dict[str, Any], reason: str) -> None:
    moderation.change_tag(db.session(), admin=user(), tag_id=tag_id, changes=changes, reason=reason)


SORTS: dict[str, Sort] = {
    "styles": Sort(
        acts.STYLES,
        lambda wanted, page: style_queries.for_admin(
            db.session(), storage(), wanted=wanted, page=page
        ),
        _change_style,
    ),
    "images": Sort(
        acts.IMAGES,
        _images,
        _change_image,
    ),
    "comments": Sort(
        acts.COMMENTS,
        lambda wanted, page: moderation_queries.comments(db.session(), wanted=wanted, page=page),
        _change_comment,
    ),
    "tags": Sort(
        acts.TAGS,
        lambda wanted, page: moderation_queries.tags(db.session(), wanted=wanted, page=page),
        _change_tag,
    ),
}


@blueprint.get(f"/<any({','.join(SORTS)}):name>")
@admin
def index(name: str) -> str:
    """Show one sort of things, newest first."""
    asked = answers.asked(ModerationQuery)
    wanted = ModerationFilter(
        is_flagged=asked.is_flagged, is_active=asked.is_active, q=asked.q, user_id=asked.user_id
    )
    sort = SORTS[name]
    page = sort.listed(wanted, bodies.page(asked))
    return render_template(
        f"admin/{name}.html", name=name, page=page, wanted=wanted, sort_acts=sort.acts
    )


@blueprint.post(f"/<any({','.join(SORTS)}):name>/<id:row_id>")
@admin
def change(name: str, row_id: int) -> Response:
    """Do one of the acts of a sort to one thing."""
    sort = SORTS[name]

    def act() -> str:
        form = answers.given(ActForm)
        if form.act not in sort.acts:
            raise answers.unknown_act()
        sort.change(row_id, dict(sort.acts[form.act].change), form.reason)
        return "changed"

    return answers.answer(act)
