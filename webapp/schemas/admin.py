"""Bodies and queries of administrators."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from webapp.domain.models.account import Role
from webapp.domain.models.license import CertificateStatus
from webapp.domain.models.report import ReportStatus, ReportTarget
from webapp.schemas.fields import Body, Id, PageQuery, PlainText

Reason = Annotated[PlainText, Field(min_length=3, max_length=500)]
Query = Annotated[PlainText, Field(min_length=1, max_length=100)]


class Change(Body):
    """Base of what an administrator changes: at least one thing, always with a reason."""

    reason: Reason

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.changes():
            raise ValueError("nothing to change is given")
        return self

    def changes(self) -> dict[str, object]:
        """Return what is to change, without the reason."""
        return self.model_dump(exclude_none=True, exclude={"reason"})


class ReportDecision(Change):
    """PATCH /admin/reports/:id."""

    status: Literal[ReportStatus.RESOLVED, ReportStatus.DISMISSED]


class FlagChange(Change):
    """PATCH /admin/tags/:id and /admin/styles/:id."""

    is_active: bool | None = None
    is_flagged: bool | None = None


class GenerationChange(Change):
    """PATCH /admin/generations/:id."""

    is_flagged: bool | None = None
    is_public: bool | None = None
    license_status: CertificateStatus | None = None


class CommentChange(Change):
    """PATCH /admin/comments/:id."""

    is_hidden: bool


class UserChange(Change):
    """PATCH /admin/users/:id."""

    role: Role | None = None
    is_active: bool | None = None


class RefundRequest(Body):
    """POST /admin/refunds: of an image or of a purchase."""

    generation_id: Id | None = None
    order_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    reason: Reason

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.generation_id is None) == (self.order_id is None):
            raise ValueError("either generation_id or order_id is needed")
        return self


class ReportListQuery(PageQuery):
    """GET /admin/reports."""

    status: ReportStatus | Literal["all"] = ReportStatus.OPEN
    target_type: ReportTarget | None = None


class ModerationQuery(PageQuery):
    """GET /admin/tags, /styles, /generations and /comments."""

    is_flagged: bool | None = None
    is_active: bool | None = None
    q: Query | None = None
    user_id: Id | None = None


class UserListQuery(PageQuery):
    """GET /admin/users."""

    q: Query | None = None
    role: Role | None = None
    is_active: bool | None = None


class AuditQuery(PageQuery):
    """GET /admin/audit."""

    object_type: Annotated[str, Field(max_length=20)] | None = None
    object_id: Annotated[str, Field(max_length=40)] | None = None
    admin_id: Id | None = None
