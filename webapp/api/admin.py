"""/admin: reports, hidden content, users, refunds, and the audit log."""

from typing import Any

from flask import Blueprint, Response

from webapp.domain.errors import (
    AlreadyRefunded,
    ArtworkNotFound,
    CollectionNotFound,
    CommentNotFound,
    DuplicateStyleName,
    GenerationNotFound,
    GenerationStillProcessing,
    InvalidTransition,
    NotFound,
    PaymentFailed,
    StyleLimitReached,
    StyleNotFound,
    TagNotFound,
    TryOutFree,
    TryOutPrivate,
)
from webapp.domain.queries import (
    audit as audit_queries,
    generations as generation_queries,
    moderation as moderation_queries,
    reports as report_queries,
    shown_artworks,
    style_detail,
    styles as style_queries,
)
from webapp.domain.queries.audit import AuditFilter
from webapp.domain.queries.moderation import ModerationFilter, UserFilter
from webapp.domain.queries.pagination import Page
from webapp.domain.services import generation_refunds, moderation, purchase_refunds
from webapp.domain.services.generation_refunds import GenerationRefund
from webapp.domain.services.purchase_refunds import PurchaseRefund
from webapp.domain.sets_errors import RestylePrivate
from webapp.extensions import db, payment_provider, storage, unit_of_work
from webapp.http import bodies, envelope, localize
from webapp.http.access import admin, own_transactions, user
from webapp.http.operations import operation
from webapp.schemas.admin import (
    ArtworkFlag,
    AuditEntryView,
    AuditQuery,
    CollectionFlag,
    CommentChange,
    FlagChange,
    GenerationChange,
    KnownUser,
    ModeratedArtwork,
    ModeratedCollection,
    ModeratedComment,
    ModeratedStyle,
    ModeratedStyleDetail,
    ModeratedTag,
    ModerationQuery,
    Refunded,
    RefundRequest,
    ReportDecision,
    ReportListQuery,
    ReportView,
    UserChange,
    UserListQuery,
)
from webapp.schemas.fields import Listed
from webapp.schemas.generations import OwnGenerationView

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


@blueprint.get("/reports")
@admin
@operation(gives=Listed[ReportView], links={"report_id": "/results/0/id"})
def list_reports(query: ReportListQuery) -> Response:
    """List reports with their content, oldest first."""
    page = report_queries.queue(
        db.session(),
        storage(),
        status=None if query.status == "all" else query.status,
        target_type=query.target_type,
        page=bodies.page(query),
    )
    return _listed(page)


@blueprint.patch("/reports/<id:report_id>")
@admin
@operation(gives=ReportView, errors=(NotFound,), links={"report_id": "/id"})
def decide_report(report_id: int, body: ReportDecision) -> Response:
    """Resolve or dismiss a report."""
    moderation.decide_report(
        db.session(), admin=user(), report_id=report_id, status=body.status, reason=body.reason
    )
    return envelope.success(report_queries.one(db.session(), storage(), report_id=report_id))


@blueprint.get("/tags")
@admin
@operation(gives=Listed[ModeratedTag], links={"tag_id": "/results/0/id"})
def list_tags(query: ModerationQuery) -> Response:
    """List tags, hidden ones too."""
    return _listed(
        moderation_queries.tags(db.session(), filters=_filters(query), page=bodies.page(query))
    )


@blueprint.patch("/tags/<id:tag_id>")
@admin
@operation(gives=ModeratedTag, errors=(TagNotFound,), links={"tag_id": "/id"})
def change_tag(tag_id: int, body: FlagChange) -> Response:
    """Hide a tag, or disable it."""
    moderation.change_tag(
        db.session(), admin=user(), tag_id=tag_id, changes=body.changes(), reason=body.reason
    )
    return envelope.success(moderation_queries.tag(db.session(), tag_id=tag_id))


@blueprint.get("/styles")
@admin
@operation(gives=Listed[ModeratedStyle], links={"style_id": "/results/0/id"})
def list_styles(query: ModerationQuery) -> Response:
    """List styles in every state."""
    page = style_queries.for_admin(
        db.session(), storage(), filters=_filters(query), page=bodies.page(query)
    )
    return _listed(page)


@blueprint.patch("/styles/<id:style_id>")
@admin
@operation(
    gives=ModeratedStyleDetail,
    errors=(DuplicateStyleName, StyleLimitReached, StyleNotFound),
    links={"style_id": "/id"},
)
def change_style(style_id: int, body: FlagChange) -> Response:
    """Flag a style, or switch it off."""
    moderation.change_style(
        db.session(), admin=user(), style_id=style_id, changes=body.changes(), reason=body.reason
    )
    view = style_detail.moderated(db.session(), storage(), style_id=style_id)
    return envelope.success(localize.style(view))


@blueprint.get("/generations")
@admin
@operation(gives=Listed[OwnGenerationView], links={"generation_id": "/results/0/id"})
def list_generations(query: ModerationQuery) -> Response:
    """List images in every state."""
    page = generation_queries.for_admin(
        db.session(), storage(), filters=_filters(query), page=bodies.page(query)
    )
    return _listed(page)


@blueprint.patch("/generations/<id:generation_id>")
@admin
@operation(
    gives=OwnGenerationView,
    errors=(
        GenerationNotFound,
        GenerationStillProcessing,
        InvalidTransition,
        RestylePrivate,
        TryOutPrivate,
    ),
    links={"generation_id": "/id"},
)
def change_generation(generation_id: int, body: GenerationChange) -> Response:
    """Flag an image, show or hide it, revoke its licence."""
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
        generation_queries.moderated(db.session(), storage(), generation_id=generation_id)
    )


@blueprint.get("/comments")
@admin
@operation(gives=Listed[ModeratedComment], links={"comment_id": "/results/0/id"})
def list_comments(query: ModerationQuery) -> Response:
    """List comments, hidden ones too."""
    return _listed(
        moderation_queries.comments(db.session(), filters=_filters(query), page=bodies.page(query))
    )


@blueprint.patch("/comments/<id:comment_id>")
@admin
@operation(gives=ModeratedComment, errors=(CommentNotFound,), links={"comment_id": "/id"})
def change_comment(comment_id: int, body: CommentChange) -> Response:
    """Hide a comment, or show it again."""
    moderation.change_comment(
        db.session(),
        admin=user(),
        comment_id=comment_id,
        is_hidden=body.is_hidden,
        reason=body.reason,
    )
    return envelope.success(moderation_queries.comment(db.session(), comment_id=comment_id))


@blueprint.get("/collections")
@admin
@operation(gives=Listed[ModeratedCollection], links={"collection_id": "/results/0/id"})
def list_collections(query: ModerationQuery) -> Response:
    """List public and hidden collections."""
    return _listed(
        moderation_queries.collections(
            db.session(), filters=_filters(query), page=bodies.page(query)
        )
    )


@blueprint.patch("/collections/<id:collection_id>")
@admin
@operation(gives=ModeratedCollection, errors=(CollectionNotFound,), links={"collection_id": "/id"})
def change_collection(collection_id: int, body: CollectionFlag) -> Response:
    """Hide a collection, or show it again."""
    moderation.change_collection(
        db.session(),
        admin=user(),
        collection_id=collection_id,
        is_flagged=body.is_flagged,
        reason=body.reason,
    )
    return envelope.success(
        moderation_queries.collection(db.session(), collection_id=collection_id)
    )


@blueprint.get("/artworks")
@admin
@operation(gives=Listed[ModeratedArtwork], links={"artwork_id": "/results/0/id"})
def list_artworks(query: ModerationQuery) -> Response:
    """List the artworks that their artists show; `q` and `is_active` have no effect."""
    page = shown_artworks.for_admin(
        db.session(), storage(), filters=_filters(query), page=bodies.page(query)
    )
    return _listed(page)


@blueprint.patch("/artworks/<id:artwork_id>")
@admin
@operation(gives=ModeratedArtwork, errors=(ArtworkNotFound,), links={"artwork_id": "/id"})
def change_artwork(artwork_id: int, body: ArtworkFlag) -> Response:
    """Hide an artwork that its artist shows, or show it again."""
    moderation.change_artwork(
        db.session(),
        admin=user(),
        artwork_id=artwork_id,
        is_flagged=body.is_flagged,
        reason=body.reason,
    )
    return envelope.success(
        shown_artworks.moderated(db.session(), storage(), artwork_id=artwork_id)
    )


@blueprint.get("/users")
@admin
@operation(gives=Listed[KnownUser], links={"user_id": "/results/0/id"})
def list_users(query: UserListQuery) -> Response:
    """List users."""
    filters = UserFilter(q=query.q, role=query.role, is_active=query.is_active)
    return _listed(moderation_queries.users(db.session(), filters=filters, page=bodies.page(query)))


@blueprint.patch("/users/<id:user_id>")
@admin
@operation(gives=KnownUser, errors=(NotFound,), links={"user_id": "/id"})
def change_user(user_id: int, body: UserChange) -> Response:
    """Change a user's role, close an account or reopen it."""
    moderation.change_user(
        db.session(), admin=user(), user_id=user_id, changes=body.changes(), reason=body.reason
    )
    return envelope.success(moderation_queries.user(db.session(), user_id=user_id))


@blueprint.post("/refunds")
@own_transactions
@admin
@operation(
    gives=Refunded,
    status=201,
    errors=(
        AlreadyRefunded,
        GenerationNotFound,
        GenerationStillProcessing,
        NotFound,
        PaymentFailed,
        TryOutFree,
    ),
)
def refund(body: RefundRequest) -> Response:
    """Refund an image or a purchase."""
    refunded = _refund(body, admin_id=user().id)
    if isinstance(refunded, PurchaseRefund):
        unit, amount = refunded.unit, refunded.amount
    else:
        unit, amount = "token", refunded.amount_tokens
    answer = {
        "id": refunded.transaction_id,
        "unit": unit,
        "amount": amount,
        "transaction_id": refunded.transaction_id,
    }
    return envelope.created(answer, "/api/v1/admin/audit")


def _refund(body: RefundRequest, *, admin_id: int) -> GenerationRefund | PurchaseRefund:
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
@operation(gives=Listed[AuditEntryView])
def list_audit(query: AuditQuery) -> Response:
    """List the changes by administrators, newest first."""
    filters = AuditFilter(query.object_type, query.object_id, query.admin_id)
    return _listed(audit_queries.changes(db.session(), filters=filters, page=bodies.page(query)))


def _filters(query: ModerationQuery) -> ModerationFilter:
    return ModerationFilter(
        is_flagged=query.is_flagged, is_active=query.is_active, q=query.q, user_id=query.user_id
    )


def _listed(page: Page[Any]) -> Response:
    return envelope.success(envelope.listed(page.results, page.next_cursor))
