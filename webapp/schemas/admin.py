"""Bodies, queries and answers of administrators."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from webapp.domain.models.account import Role
from webapp.domain.models.documents import AuditValues
from webapp.domain.models.license import CertificateStatus
from webapp.domain.models.report import ReportReason, ReportStatus, ReportTarget
from webapp.schemas.fields import (
    Answer,
    Body,
    Count,
    Id,
    Name,
    PageQuery,
    PlainText,
    SeenText,
    Tag,
    Time,
    Url,
)
from webapp.schemas.shown_artworks import Place, StyleOfArtwork
from webapp.schemas.styles import OwnStyleCard, OwnStyleView

Reason = Annotated[PlainText, Field(min_length=3, max_length=500, examples=["Seen by two people."])]
Query = Annotated[SeenText, Field(min_length=1, max_length=100)]


class Change(Body):
    """Base of what an administrator changes: at least one thing, always with a reason."""

    reason: Reason

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.changes():
            raise ValueError("Enter at least one change.")
        return self

    def changes(self) -> dict[str, str | bool]:
        """Return the columns that change with their new values, without the reason."""
        return self.model_dump(exclude_none=True, exclude={"reason"})


class Refusal(Body):
    """Why a payout or a refund is declined, or a payout is taken back; the person sees it."""

    reason: Reason


class ReportDecision(Change):
    """PATCH /admin/reports/:id."""

    status: Literal[ReportStatus.RESOLVED, ReportStatus.DISMISSED]


class FlagChange(Change):
    """PATCH /admin/tags/:id and /admin/styles/:id."""

    is_active: bool | None = None
    is_flagged: bool | None = Field(None, examples=[True])


class GenerationChange(Change):
    """PATCH /admin/generations/:id."""

    is_flagged: bool | None = Field(None, examples=[True])
    is_public: bool | None = None
    license_status: CertificateStatus | None = None


class CommentChange(Change):
    """PATCH /admin/comments/:id."""

    is_hidden: bool = Field(examples=[True])


class CollectionFlag(Change):
    """PATCH /admin/collections/:id."""

    is_flagged: bool = Field(examples=[True])


class ArtworkFlag(Change):
    """PATCH /admin/artworks/:id."""

    is_flagged: bool = Field(examples=[True])


class UserChange(Change):
    """PATCH /admin/users/:id."""

    role: Role | None = None
    is_active: bool | None = Field(None, examples=[False])


class RefundRequest(Body):
    """POST /admin/refunds: of an image or of a purchase."""

    generation_id: Id | None = Field(None, examples=[10])
    order_id: Annotated[SeenText, Field(min_length=1, max_length=64)] | None = None
    reason: Reason

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.generation_id is None) == (self.order_id is None):
            raise ValueError("Either generation_id or order_id is needed.")
        return self


class ReportListQuery(PageQuery):
    """GET /admin/reports."""

    status: ReportStatus | Literal["all"] = ReportStatus.OPEN
    target_type: ReportTarget | None = None


class ModerationQuery(PageQuery):
    """GET /admin/tags, /styles, /generations, /comments and /collections."""

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

    object_type: Annotated[SeenText, Field(max_length=20)] | None = None
    object_id: Annotated[SeenText, Field(max_length=40)] | None = None
    admin_id: Id | None = None


class NamedUser(Answer):
    """Somebody, by name."""

    id: Id
    username: str = Field(examples=["mina"])


class ReportedThing(Answer):
    """What a report is about."""

    title: Name
    excerpt: str | None = Field(examples=["Buy my watches"])
    thumbnail_url: Url | None


class ReportView(Answer):
    """One report; what it is about may be gone by now."""

    id: Id
    reporter: NamedUser
    target_type: ReportTarget
    target_id: Id
    target: ReportedThing | None
    reason: ReportReason
    text: str = Field(examples=["The same advert everywhere."])
    status: ReportStatus
    resolution: str | None = Field(examples=[None])
    created_at: Time


class ModeratedTag(Answer):
    """One tag, hidden or not."""

    id: Id
    name: Tag
    usage_count: Count
    is_active: bool = Field(examples=[True])
    is_flagged: bool = Field(examples=[False])
    created_at: Time


class ModeratedStyle(OwnStyleCard):
    """One style, as its artist sees it."""

    is_flagged: bool = Field(examples=[False])


class ModeratedStyleDetail(OwnStyleView):
    """One style with its artworks, as its artist sees it."""

    is_flagged: bool = Field(examples=[False])


class ModeratedComment(Answer):
    """One comment with what it says, hidden or not."""

    id: Id
    generation_id: Id
    parent_id: Id | None
    user: NamedUser
    content: str = Field(examples=["Buy my watches"])
    is_hidden: bool = Field(examples=[True])
    created_at: Time
    updated_at: Time


class ModeratedCollection(Answer):
    """One collection that is public or hidden."""

    id: Id
    user: NamedUser
    name: str = Field(examples=["Harbours"])
    description: str = Field(examples=["Evenings at the sea"])
    is_public: bool = Field(examples=[True])
    is_flagged: bool = Field(examples=[False])
    created_at: Time
    updated_at: Time


class ModeratedArtwork(Answer):
    """One artwork that its artist has chosen to show; its preview may not be made yet."""

    id: Id
    title: str = Field(examples=["Pier at night"])
    place: Place
    thumbnail_url: Url | None
    is_flagged: bool = Field(examples=[False])
    style: StyleOfArtwork
    user: NamedUser
    created_at: Time


class KnownUser(NamedUser):
    """One person, with address and balance."""

    email: str = Field(examples=["mina@example.com"])
    role: Role
    is_active: bool = Field(examples=[True])
    token_balance: Count
    created_at: Time


class Refunded(Answer):
    """POST /admin/refunds: what went back, and the row of the ledger that says so."""

    id: Id
    unit: Literal["token", "credit"]
    amount: Count
    transaction_id: Id


class AuditEntryView(Answer):
    """One change: the values before and after, and the reason."""

    id: Id
    admin: NamedUser
    object_type: str = Field(examples=["report"])
    object_id: str = Field(examples=["10"])
    before: AuditValues = Field(examples=[{"status": "open"}])
    after: AuditValues = Field(examples=[{"status": "resolved"}])
    reason: str = Field(examples=["Seen by two people."])
    created_at: Time
