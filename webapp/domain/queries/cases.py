"""What administrators decide on: reported things with all their reports, and flagged things."""

from collections import defaultdict
from collections.abc import Sequence
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
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.report import Report, ReportStatus, ReportTarget
from webapp.domain.models.style import Style, Tag
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import signed_url

MAX_EXCERPT = 500
IS_OPEN = Report.status == ReportStatus.OPEN


def open_cases(
    session: Session, storage: Storage, *, target_type: str | None, page: PageRequest
) -> Page:
    """List reported things with their open reports, the one that waits longest first."""
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
    shown = keyset.apply(first, page).subquery("shown")
    rows = session.execute(_things(shown).order_by(shown.c.created_at, shown.c.id)).all()
    reports = _reports(session, rows)

    def show(row: AnyRow) -> dict[str, Any]:
        return _thing(storage, row) | {"reports": reports[row.target_type, row.target_id]}

    return keyset.page(rows, page, show)


def flagged(session: Session, storage: Storage, *, page: PageRequest) -> Page:
    """List whatever administrators have hidden, the newest thing first."""
    marks = union_all(
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
            )
        )
    ).subquery("marks")

    def keyset_on(columns: Any) -> Keyset:
        return Keyset(
            [
                (columns.created_at, "created_at", datetime),
                (columns.target_type, "target_type", str),
                (columns.target_id, "target_id", int),
            ],
            {"list": "flagged"},
        )

    keyset = keyset_on(marks.c)
    shown = keyset.apply(select(*marks.c), page).subquery("shown")
    order = (shown.c.created_at.desc(), shown.c.target_type.desc(), shown.c.target_id.desc())
    rows = session.execute(_things(shown).order_by(*order)).all()
    return keyset.page(rows, page, lambda row: _thing(storage, row))


def is_first() -> ColumnElement[bool]:
    """Return the condition that an open report is the first one of its thing."""
    before = aliased(Report)
    return ~exists().where(
        before.status == ReportStatus.OPEN,
        before.target_type == Report.target_type,
        before.target_id == Report.target_id,
        tuple_(before.created_at, before.id) < tuple_(Report.created_at, Report.id),
    )


def _things(shown: Subquery) -> AnySelect:
    """Select what the rows of one page are about; a thing that is gone leaves nulls."""
    kind = shown.c.target_type

    def target(of: ReportTarget) -> ColumnElement[int]:
        return case((kind == of, shown.c.target_id))

    is_hidden = case(
        (kind == ReportTarget.STYLE, Style.is_flagged),
        (kind == ReportTarget.GENERATION, Generation.is_flagged),
        (kind == ReportTarget.COMMENT, Comment.is_hidden),
        (kind == ReportTarget.TAG, Tag.is_flagged),
        else_=~User.is_active,
    )
    image_id = func.coalesce(target(ReportTarget.GENERATION), Comment.generation_id)
    style_id = func.coalesce(target(ReportTarget.STYLE), Generation.style_id)
    person_id = func.coalesce(
        target(ReportTarget.USER), Comment.user_id, Generation.user_id, Style.artist_id
    )
    return (
        select(
            *shown.c,
            func.coalesce(Style.name, Tag.name, User.username).label("title"),
            case(
                (kind == ReportTarget.COMMENT, Comment.content),
                (kind == ReportTarget.GENERATION, Generation.description),
                (kind == ReportTarget.STYLE, Style.description),
            ).label("said"),
            func.coalesce(Generation.thumbnail_key, Style.thumbnail_key).label("thumbnail_key"),
            Generation.prompt_tags,
            Generation.id.label("generation_id"),
            Style.id.label("style_id"),
            is_hidden.label("is_hidden"),
            User.id.label("person_id"),
            User.username,
            User.is_active,
        )
        .select_from(shown)
        .outerjoin(Comment, Comment.id == target(ReportTarget.COMMENT))
        .outerjoin(Generation, Generation.id == image_id)
        .outerjoin(Style, Style.id == style_id)
        .outerjoin(Tag, Tag.id == target(ReportTarget.TAG))
        .outerjoin(User, User.id == person_id)
    )


def _thing(storage: Storage, row: AnyRow) -> dict[str, Any]:
    person = {"id": row.person_id, "username": row.username, "is_active": row.is_active}
    return {
        "target_type": row.target_type,
        "target_id": row.target_id,
        "is_there": row.title is not None,
        "title": row.title,
        "excerpt": row.said and row.said[:MAX_EXCERPT],
        "prompt_tags": row.prompt_tags if row.target_type == ReportTarget.GENERATION else None,
        "thumbnail_url": signed_url(storage, row.thumbnail_key),
        "generation_id": row.generation_id,
        "style_id": row.style_id,
        "is_hidden": row.is_hidden,
        "person": person if row.person_id is not None else None,
        "created_at": row.created_at,
    }


def _reports(
    session: Session, rows: Sequence[AnyRow]
) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Return the open reports of the things of one page, oldest first."""
    found: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    things = [(row.target_type, row.target_id) for row in rows]
    if not things:
        return found
    reports = session.execute(
        select(*Report.__table__.columns, User.username)
        .join(User, User.id == Report.reporter_id)
        .where(IS_OPEN, tuple_(Report.target_type, Report.target_id).in_(things))
        .order_by(Report.created_at, Report.id)
    )
    for each in reports:
        found[each.target_type, each.target_id].append(
            {
                "id": each.id,
                "reporter": {"id": each.reporter_id, "username": each.username},
                "reason": each.reason,
                "text": each.text,
                "created_at": each.created_at,
            }
        )
    return found
