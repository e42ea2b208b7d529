"""Read open cases – reported content with its open reports – and hidden content."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Subquery,
    case,
    exists,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.collection import Collection
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.report import Report, ReportReason, ReportStatus, ReportTarget
from webapp.domain.models.style import Style, Tag
from webapp.domain.queries.answers import UserName, extended
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import signed_url

MAX_EXCERPT = 500
IS_OPEN = Report.status == ReportStatus.OPEN


@dataclass(frozen=True, slots=True)
class Author:
    """The user who made some content, or who was reported."""

    id: int
    username: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """Content that was reported or hidden; every field of deleted content is None.

    `excerpt` has at most MAX_EXCERPT characters. `prompt_tags` are those of a picture.
    """

    target_type: ReportTarget
    target_id: int
    exists: bool
    title: str | None
    excerpt: str | None
    prompt_tags: list[str] | None
    thumbnail_url: str | None
    generation_id: int | None
    style_id: int | None
    is_hidden: bool | None
    author: Author | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OpenReport:
    """An open report of a case."""

    id: int
    reporter: UserName
    reason: ReportReason
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Case(Subject):
    """Reported content with its open reports, oldest first."""

    reports: list[OpenReport]


def open_cases(
    session: Session, storage: Storage, *, target_type: str | None, page: PageRequest
) -> Page[Case]:
    """List open cases, the one with the oldest open report first."""
    first = select(Report.id, Report.created_at, Report.target_type, Report.target_id).where(
        *(IS_OPEN, is_first())
    )
    if target_type is not None:
        first = first.where(Report.target_type == target_type)
    keyset = Keyset(
        [(Report.created_at, "created_at", datetime), (Report.id, "id", int)],
        {"list": "cases", "target_type": target_type},
        descending=False,
    )
    targets = keyset.apply(first, page).subquery("targets")
    rows = session.execute(_subjects(targets).order_by(targets.c.created_at, targets.c.id)).all()
    reports = _reports(session, rows)

    def case_of(row: AnyRow) -> Case:
        target = (row.target_type, row.target_id)
        return extended(Case, _subject(storage, row), reports=reports[target])

    return keyset.page(rows, page, case_of)


def flagged(session: Session, storage: Storage, *, page: PageRequest) -> Page[Subject]:
    """List the content that administrators have hidden, the newest content first."""
    hidden = union_all(
        *(
            select(
                literal(str(target)).label("target_type"),
                model.id.label("target_id"),
                model.created_at,
            ).where(is_hidden)
            for target, model, is_hidden in (
                (ReportTarget.STYLE, Style, Style.is_flagged),
                (ReportTarget.GENERATION, Generation, Generation.is_flagged),
                (ReportTarget.COMMENT, Comment, Comment.is_hidden),
                (ReportTarget.TAG, Tag, Tag.is_flagged),
                (ReportTarget.COLLECTION, Collection, Collection.is_flagged),
            )
        )
    ).subquery("hidden")

    def keyset_on(columns: Any) -> Keyset:
        return Keyset(
            [
                (columns.created_at, "created_at", datetime),
                (columns.target_type, "target_type", str),
                (columns.target_id, "target_id", int),
            ],
            {"list": "flagged"},
        )

    keyset = keyset_on(hidden.c)
    targets = keyset.apply(select(*hidden.c), page).subquery("targets")
    order = (targets.c.created_at.desc(), targets.c.target_type.desc(), targets.c.target_id.desc())
    rows = session.execute(_subjects(targets).order_by(*order)).all()
    return keyset.page(rows, page, lambda row: _subject(storage, row))


def is_first() -> ColumnElement[bool]:
    """Return the condition that an open report is the oldest one of its target."""
    before = aliased(Report)
    return ~exists().where(
        before.status == ReportStatus.OPEN,
        before.target_type == Report.target_type,
        before.target_id == Report.target_id,
        tuple_(before.created_at, before.id) < tuple_(Report.created_at, Report.id),
    )


def _subjects(targets: Subquery) -> AnySelect:
    """Select the content of the targets of one page; the columns of deleted content are null."""
    kind = targets.c.target_type

    def target(of: ReportTarget) -> ColumnElement[int]:
        return case((kind == of, targets.c.target_id))

    is_hidden = case(
        (kind == ReportTarget.STYLE, Style.is_flagged),
        (kind == ReportTarget.GENERATION, Generation.is_flagged),
        (kind == ReportTarget.COMMENT, Comment.is_hidden),
        (kind == ReportTarget.TAG, Tag.is_flagged),
        (kind == ReportTarget.COLLECTION, Collection.is_flagged),
        else_=~User.is_active,
    )
    image_id = func.coalesce(target(ReportTarget.GENERATION), Comment.generation_id)
    style_id = func.coalesce(target(ReportTarget.STYLE), Generation.style_id)
    author_id = func.coalesce(
        target(ReportTarget.USER),
        Collection.user_id,
        Comment.user_id,
        Generation.user_id,
        Style.artist_id,
    )
    return (
        select(
            *targets.c,
            func.coalesce(Style.name, Tag.name, Collection.name, User.username).label("title"),
            case(
                (kind == ReportTarget.COMMENT, Comment.content),
                (kind == ReportTarget.GENERATION, Generation.description),
                (kind == ReportTarget.STYLE, Style.description),
                (kind == ReportTarget.COLLECTION, Collection.description),
            ).label("content"),
            func.coalesce(Generation.thumbnail_key, Style.thumbnail_key).label("thumbnail_key"),
            Generation.prompt_tags,
            Generation.id.label("generation_id"),
            Style.id.label("style_id"),
            is_hidden.label("is_hidden"),
            User.id.label("author_id"),
            User.username,
            User.is_active,
        )
        .select_from(targets)
        .outerjoin(Comment, Comment.id == target(ReportTarget.COMMENT))
        .outerjoin(Generation, Generation.id == image_id)
        .outerjoin(Style, Style.id == style_id)
        .outerjoin(Tag, Tag.id == target(ReportTarget.TAG))
        .outerjoin(Collection, Collection.id == target(ReportTarget.COLLECTION))
        .outerjoin(User, User.id == author_id)
    )


def _subject(storage: Storage, row: AnyRow) -> Subject:
    author = None
    if row.author_id is not None:
        author = Author(row.author_id, row.username, is_active=row.is_active)
    return Subject(
        target_type=row.target_type,
        target_id=row.target_id,
        exists=row.title is not None,
        title=row.title,
        excerpt=row.content and row.content[:MAX_EXCERPT],
        prompt_tags=row.prompt_tags if row.target_type == ReportTarget.GENERATION else None,
        thumbnail_url=signed_url(storage, row.thumbnail_key),
        generation_id=row.generation_id,
        style_id=row.style_id,
        is_hidden=row.is_hidden,
        author=author,
        created_at=row.created_at,
    )


def _reports(
    session: Session, rows: Sequence[AnyRow]
) -> dict[tuple[ReportTarget, int], list[OpenReport]]:
    """Return the open reports of the targets of one page, oldest first."""
    reports: dict[tuple[ReportTarget, int], list[OpenReport]] = defaultdict(list)
    targets = [(row.target_type, row.target_id) for row in rows]
    if not targets:
        return reports
    selected = session.execute(
        select(*Report.__table__.columns, User.username)
        .join(User, User.id == Report.reporter_id)
        .where(IS_OPEN, tuple_(Report.target_type, Report.target_id).in_(targets))
        .order_by(Report.created_at, Report.id)
    )
    for row in selected:
        report = OpenReport(
            id=row.id,
            reporter=UserName(row.reporter_id, row.username),
            reason=row.reason,
            text=row.text,
            created_at=row.created_at,
        )
        reports[row.target_type, row.target_id].append(report)
    return reports
