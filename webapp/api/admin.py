"""/admin: the moderation queue, flags, people, refunds, and the log of all of it."""

from dataclasses import fields
from typing import Any

from flask import Blueprint, Response

from webapp.api import bodies, envelope
from webapp.api.access import admin, in_steps, user, viewer
from webapp.domain.pagination import Page
from webapp.domain.services import (
    generation_refunds,
    generation_views,
    moderation,
    moderation_views,
    purchase_refunds,
    style_views,
)
from webapp.domain.services.generation_refunds import GenerationRefund
from webapp.domain.services.moderation_views import AuditFilter, ModerationFilter, UserFilter
from webapp.domain.services.purchase_refunds import PurchaseRefund
from webapp.extensions import db, payment_provider, storage, unit_of_work
from webapp.schemas import admin as schemas

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


@blueprint.get("/reports")
@admin
def list_reports() -> Response:
    """List the moderation queue, the oldest first."""
    asked = bodies.query(schemas.ReportListQuery)
    page = moderation_views.reports(
        db.session(),
        storage(),
        status=None if asked.status == "all" else asked.status,
        target_type=asked.target_type,
        page=bodies.page(asked),
    )
    return _listed(page)


@blueprint.patch("/reports/<id:report_id>")
@admin
def decide_report(report_id: int) -> Response:
    """Resolve or dismiss a report."""
    body = bodies.json_body(schemas.ReportDecision)
    moderation.decide_report(
        db.session(), admin=user(), report_id=report_id, status=body.status, reason=body.reason
    )
    return envelope.success(moderation_views.report(db.session(), storage(), report_id=report_id))


@blueprint.get("/tags")
@admin
def list_tags() -> Response:
    """List tags, hidden ones too."""
    asked = bodies.query(schemas.ModerationQuery)
    return _listed(
        moderation_views.tags(db.session(), wanted=_wanted(asked), page=bodies.page(asked))
    )


@blueprint.patch("/tags/<id:tag_id>")
@admin
def change_tag(tag_id: int) -> Response:
    """Flag a tag, or switch it off."""
    body = bodies.json_body(schemas.FlagChange)
    moderation.change_tag(
        db.session(), admin=user(), tag_id=tag_id, changes=body.changes(), reason=body.reason
    )
    return envelope.success(moderation_views.tag(db.session(), tag_id=tag_id))


@blueprint.get("/styles")
@admin
def list_styles() -> Response:
    """List styles in every state."""
    asked = bodies.query(schemas.ModerationQuery)
    page = style_views.for_admin(
        db.session(), storage(), wanted=_wanted(asked), page=bodies.page(asked)
    )
    return _listed(page)


@blueprint.patch("/styles/<id:style_id>")
@admin
def change_style(style_id: int) -> Response:
    """Flag a style, or switch it off."""
    body = bodies.json_body(schemas.FlagChange)
    moderation.change_style(
        db.session(), admin=user(), style_id=style_id, changes=body.changes(), reason=body.reason
    )
    return envelope.success(
        style_views.detail(db.session(), storage(), style_id=style_id, viewer=viewer())
    )


@blueprint.get("/generations")
@admin
def list_generations() -> Response:
    """List images in every state."""
    asked = bodies.query(schemas.ModerationQuery)
    page = generation_views.for_admin(
        db.session(), storage(), wanted=_wanted(asked), page=bodies.page(asked)
    )
    return _listed(page)


@blueprint.patch("/generations/<id:generation_id>")
@admin
def change_generation(generation_id: int) -> Response:
    """Flag an image, show or hide it, revoke its licence."""
    body = bodies.json_body(schemas.GenerationChange)
    changes = body.changes()
    changes.pop("license_status", None)
    moderation.change_generation(
        db.session(),
        admin=user(),
        generation_id=generation_id,
        changes=changes,
        license_status=body.license_status,
        reason=body.reason,
    )
    return envelope.success(
        generation_views.detail(
            db.session(), storage(), generation_id=generation_id, viewer=viewer()
        )
    )


@blueprint.get("/comments")
@admin
def list_comments() -> Response:
    """List comments, hidden ones too."""
    asked = bodies.query(schemas.ModerationQuery)
    return _listed(
        moderation_views.comments(db.session(), wanted=_wanted(asked), page=bodies.page(asked))
    )


@blueprint.patch("/comments/<id:comment_id>")
@admin
def change_comment(comment_id: int) -> Response:
    """Hide a comment, or show it again."""
    body = bodies.json_body(schemas.CommentChange)
    moderation.change_comment(
        db.session(),
        admin=user(),
        comment_id=comment_id,
        is_hidden=body.is_hidden,
        reason=body.reason,
    )
    return envelope.success(moderation_views.comment(db.session(), comment_id=comment_id))


@blueprint.get("/users")
@admin
def list_users() -> Response:
    """List people."""
    asked = bodies.query(schemas.UserListQuery)
    wanted = UserFilter(q=asked.q, role=asked.role, is_active=asked.is_active)
    return _listed(moderation_views.users(db.session(), wanted=wanted, page=bodies.page(asked)))


@blueprint.patch("/users/<id:user_id>")
@admin
def change_user(user_id: int) -> Response:
    """Give a person another role, close an account or open it again."""
    body = bodies.json_body(schemas.UserChange)
    moderation.change_user(
        db.session(), admin=user(), user_id=user_id, changes=body.changes(), reason=body.reason
    )
    return envelope.success(moderation_views.user(db.session(), user_id=user_id))


@blueprint.post("/refunds")
@in_steps
@admin
def refund() -> Response:
    """Give the price of an image or of a purchase back."""
    body = bodies.json_body(schemas.RefundRequest)
    refunded = _refund(body, admin_id=user().id)
    answer = {
        "id": refunded.transaction_id,
        "unit": "token",
        "amount": refunded.amount_tokens,
        "transaction_id": refunded.transaction_id,
    }
    return envelope.created(answer, "/api/v1/admin/audit")


def _refund(body: schemas.RefundRequest, *, admin_id: int) -> GenerationRefund | PurchaseRefund:
    if body.order_id is not None:
        return purchase_refunds.refund_purchase(
            unit_of_work,
            payment_provider(),
            admin_id=admin_id,
            order_id=body.order_id,
            reason=body.reason,
        )
    with unit_of_work() as session:
        return generation_refunds.refund_generation(
            session,
            admin_id=admin_id,
            generation_id=body.generation_id or 0,
            reason=body.reason,
        )


@blueprint.get("/audit")
@admin
def list_audit() -> Response:
    """List what administrators changed, newest first."""
    asked = bodies.query(schemas.AuditQuery)
    wanted = AuditFilter(asked.object_type, asked.object_id, asked.admin_id)
    return _listed(moderation_views.audit(db.session(), wanted=wanted, page=bodies.page(asked)))


def _wanted(asked: schemas.ModerationQuery) -> ModerationFilter:
    names: list[str] = [field.name for field in fields(ModerationFilter)]
    values: dict[str, Any] = asked.model_dump(include=set(names))
    return ModerationFilter(**values)


def _listed(page: Page) -> Response:
    return envelope.success(envelope.listed(page.results, page.next_cursor))
