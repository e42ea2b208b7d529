"""Read reports for administrators, each with its content."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.collection import Collection
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.report import Report, ReportReason, ReportStatus, ReportTarget
from webapp.domain.models.style import Style, Tag
from webapp.domain.queries.answers import UserName
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import matching, signed_url

MAX_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class ReportedContent:
    """The content of a report; `excerpt` has at most MAX_EXCERPT characters."""

    title: str
    excerpt: str | None
    thumbnail_url: str | None


@dataclass(frozen=True, slots=True)
class ModeratedReport:
    """A report; `target` is None when its content was deleted."""

    id: int
    reporter: UserName
    target_type: ReportTarget
    target_id: int
    target: ReportedContent | None
    reason: ReportReason
    text: str
    status: ReportStatus
    resolution: str | None
    created_at: datetime


def queue(
    session: Session,
    storage: Storage,
    *,
    status: str | None,
    target_type: str | None,
    page: PageRequest,
) -> Page[ModeratedReport]:
    """List reports with their content, oldest first."""
    conditions = matching((Report.status, status), (Report.target_type, target_type))
    keyset = Keyset(
        [(Report.created_at, "created_at", datetime), (Report.id, "id", int)],
        {"list": "reports", "status": status, "target_type": target_type},
        descending=False,
    )
    ids = keyset.apply(select(Report.id).where(*conditions), page)
    rows = session.execute(keyset.look_up(_reports_with_targets(), ids)).all()
    return keyset.page(rows, page, lambda row: _report(storage, row))


def one(session: Session, storage: Storage, *, report_id: int) -> ModeratedReport:
    """Return one report as it is listed."""
    row = session.execute(_reports_with_targets().where(Report.id == report_id)).one()
    return _report(storage, row)


def _reports_with_targets() -> AnySelect:
    """Select reports with their content; the columns of deleted content are null.

    Each join compares one id, so that it uses an index; an OR would scan whole tables. Collections
    are not joined: of more than eight tables PostgreSQL would not choose the order, and read the
    whole ones before the limit (join_collapse_limit).
    """
    reporter, reported = aliased(User), aliased(User)

    def target_id(target: ReportTarget) -> ColumnElement[int]:
        return case((Report.target_type == target, Report.target_id))

    def of_collection(column: InstrumentedAttribute[str]) -> ColumnElement[str]:
        found = select(column).where(Collection.id == target_id(ReportTarget.COLLECTION))
        return found.correlate(Report).scalar_subquery()

    image_id = func.coalesce(Comment.generation_id, target_id(ReportTarget.GENERATION))
    style_id = func.coalesce(Generation.style_id, target_id(ReportTarget.STYLE))
    return (
        select(
            *Report.__table__.columns,
            reporter.username.label("reporter_name"),
            func.coalesce(
                Style.name, Tag.name, of_collection(Collection.name), reported.username
            ).label("title"),
            func.coalesce(
                Comment.content,
                Generation.description,
                Style.description,
                of_collection(Collection.description),
            ).label("content"),
            func.coalesce(Generation.thumbnail_key, Style.thumbnail_key).label("thumbnail_key"),
        )
        .join(reporter, reporter.id == Report.reporter_id)
        .outerjoin(Comment, Comment.id == target_id(ReportTarget.COMMENT))
        .outerjoin(Generation, Generation.id == image_id)
        .outerjoin(Style, Style.id == style_id)
        .outerjoin(Tag, Tag.id == target_id(ReportTarget.TAG))
        .outerjoin(reported, reported.id == target_id(ReportTarget.USER))
    )


def _report(storage: Storage, row: AnyRow) -> ModeratedReport:
    target = ReportedContent(
        title=row.title,
        excerpt=row.content and row.content[:MAX_EXCERPT],
        thumbnail_url=signed_url(storage, row.thumbnail_key),
    )
    return ModeratedReport(
        id=row.id,
        reporter=UserName(row.reporter_id, row.reporter_name),
        target_type=row.target_type,
        target_id=row.target_id,
        target=None if row.title is None else target,
        reason=row.reason,
        text=row.text,
        status=row.status,
        resolution=row.resolution,
        created_at=row.created_at,
    )
