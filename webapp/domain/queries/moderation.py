"""What administrators see: reports with what they are about, flagged things, people, the log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from webapp.domain.errors import NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Account, AccountKind
from webapp.domain.models.report import Report, ReportTarget
from webapp.domain.models.style import Style, Tag
from webapp.domain.queries import searching
from webapp.domain.queries.pagination import (
    MAX_BIGINT,
    AnyRow,
    AnySelect,
    Keyset,
    Page,
    PageRequest,
)
from webapp.domain.queries.viewing import flags, matching, signed_url

MAX_EXCERPT = 200


@dataclass(frozen=True)
class ModerationFilter:
    """What of a list an administrator wants; None means all."""

    is_flagged: bool | None = None
    is_active: bool | None = None
    q: str | None = None
    user_id: int | None = None


@dataclass(frozen=True)
class UserFilter:
    """Whom an administrator looks for; None means all."""

    q: str | None = None
    role: str | None = None
    is_active: bool | None = None


@dataclass(frozen=True)
class AuditFilter:
    """What of the log an administrator wants; None means all."""

    object_type: str | None = None
    object_id: str | None = None
    admin_id: int | None = None


def reports(
    session: Session,
    storage: Storage,
    *,
    status: str | None,
    target_type: str | None,
    page: PageRequest,
) -> Page:
    """List reports with what they are about, the oldest first."""
    conditions = matching((Report.status, status), (Report.target_type, target_type))
    keyset = Keyset(
        [(Report.created_at, "created_at", datetime), (Report.id, "id", int)],
        {"list": "reports", "status": status, "target_type": target_type},
        descending=False,
    )
    ids = keyset.apply(select(Report.id).where(*conditions), page)
    rows = session.execute(keyset.look_up(_reports_with_targets(), ids)).all()
    return keyset.page(rows, page, lambda row: _report(storage, row))


def report(session: Session, storage: Storage, *, report_id: int) -> dict[str, Any]:
    """Return one report as the list shows it."""
    row = session.execute(_reports_with_targets().where(Report.id == report_id)).one()
    return _report(storage, row)


def _reports_with_targets() -> AnySelect:
    """Select reports with whatever they are about; a target that is gone leaves nulls.

    Each join asks for one id, so that an index finds its row; an OR would read whole tables.
    """
    reporter, person = aliased(User), aliased(User)

    def named(target: ReportTarget) -> ColumnElement[int]:
        return case((Report.target_type == target, Report.target_id))

    image_id = func.coalesce(Comment.generation_id, named(ReportTarget.GENERATION))
    style_id = func.coalesce(Generation.style_id, named(ReportTarget.STYLE))
    return (
        select(
            *Report.__table__.columns,
            reporter.username.label("reporter_name"),
            func.coalesce(Style.name, Tag.name, person.username).label("title"),
            func.coalesce(Comment.content, Generation.description, Style.description).label("said"),
            func.coalesce(Generation.thumbnail_key, Style.thumbnail_key).label("thumbnail_key"),
        )
        .join(reporter, reporter.id == Report.reporter_id)
        .outerjoin(Comment, Comment.id == named(ReportTarget.COMMENT))
        .outerjoin(Generation, Generation.id == image_id)
        .outerjoin(Style, Style.id == style_id)
        .outerjoin(Tag, Tag.id == named(ReportTarget.TAG))
        .outerjoin(person, person.id == named(ReportTarget.USER))
    )


def _report(storage: Storage, row: AnyRow) -> dict[str, Any]:
    is_there = row.title is not None
    target = {
        "title": row.title,
        "excerpt": row.said and row.said[:MAX_EXCERPT],
        "thumbnail_url": signed_url(storage, row.thumbnail_key),
    }
    return {
        "id": row.id,
        "reporter": {"id": row.reporter_id, "username": row.reporter_name},
        "target_type": row.target_type,
        "target_id": row.target_id,
        "target": target if is_there else None,
        "reason": row.reason,
        "text": row.text,
        "status": row.status,
        "resolution": row.resolution,
        "created_at": row.created_at,
    }


def tags(session: Session, *, wanted: ModerationFilter, page: PageRequest) -> Page:
    """List tags, newest first; `q` is part of a name."""
    conditions = flags((Tag.is_flagged, wanted.is_flagged), (Tag.is_active, wanted.is_active))
    sought = wanted.q and searching.cleaned(session, wanted.q)
    keyset = _newest_first(Tag, {"list": "admin tags", **vars(wanted)})
    rows = keyset.find(
        Tag,
        select(*Tag.__table__.columns).where(*conditions),
        page,
        lambda ids: session.execute(keyset.look_up(select(*TAG_COLUMNS), ids)).all(),
        lambda tag: [searching.contains(tag.name_grams, tag.name, sought)] if sought else [],
    )
    return keyset.page(rows, page, _plain)


TAG_COLUMNS = (
    Tag.id,
    Tag.name,
    Tag.usage_count,
    Tag.is_active,
    Tag.is_flagged,
    Tag.created_at,
)


def tag(session: Session, *, tag_id: int) -> dict[str, Any]:
    """Return one tag as the list shows it."""
    return _plain(session.execute(select(*TAG_COLUMNS).where(Tag.id == tag_id)).one())


COMMENT_COLUMNS = (
    Comment.id,
    Comment.generation_id,
    Comment.parent_id,
    Comment.user_id,
    User.username,
    Comment.content,
    Comment.is_hidden,
    Comment.created_at,
    Comment.updated_at,
)


def comments(session: Session, *, wanted: ModerationFilter, page: PageRequest) -> Page:
    """List comments with what they say, hidden or not, newest first; a flag means hidden.

    `q` is part of what they say: words that hardly anybody uses are looked for in all of them.
    """
    conditions = [
        *flags((Comment.is_hidden, wanted.is_flagged)),
        *matching((Comment.user_id, wanted.user_id)),
    ]
    sought = wanted.q
    keyset = _newest_first(Comment, {"list": "admin comments", **vars(wanted)})
    rows = keyset.find(
        Comment,
        select(Comment).where(*conditions),
        page,
        lambda ids: session.execute(keyset.look_up(_comments(), ids)).all(),
        lambda said: [said.content.icontains(sought, autoescape=True)] if sought else [],
    )
    return keyset.page(rows, page, _comment)


def comment(session: Session, *, comment_id: int) -> dict[str, Any]:
    """Return one comment as the list shows it."""
    return _comment(session.execute(_comments().where(Comment.id == comment_id)).one())


def _comments() -> AnySelect:
    return select(*COMMENT_COLUMNS).join(User, User.id == Comment.user_id)


def _comment(row: AnyRow) -> dict[str, Any]:
    shown = _plain(row)
    return shown | {"user": {"id": shown.pop("user_id"), "username": shown.pop("username")}}


def users(session: Session, *, wanted: UserFilter, page: PageRequest) -> Page:
    """List people with their balance, newest first; `q` is part of a name or an e-mail.

    Whoever is rare is looked for among all people.
    """
    conditions = [
        User.deleted_at.is_(None),
        *flags((User.is_active, wanted.is_active)),
        *matching((User.role, wanted.role)),
    ]
    sought = wanted.q

    def called(person: type[User]) -> list[ColumnElement[bool]]:
        if sought is None:
            return []
        columns = (person.username, person.email)
        return [or_(*(column.icontains(sought, autoescape=True) for column in columns))]

    keyset = _newest_first(User, {"list": "admin users", **vars(wanted)})
    rows = keyset.find(
        User,
        select(*User.__table__.columns).where(*conditions),
        page,
        lambda ids: session.execute(keyset.look_up(_users(), ids)).all(),
        called,
    )
    return keyset.page(rows, page, _plain)


def user(session: Session, *, user_id: int) -> dict[str, Any]:
    """Return one person as the list shows them."""
    return _plain(session.execute(_users().where(User.id == user_id)).one())


def known(session: Session, *, user_id: int) -> dict[str, Any]:
    """Return one person as the list shows them. Raises NotFound, also for who is deleted."""
    row = session.execute(
        _users().where(User.id == user_id, User.deleted_at.is_(None))
    ).one_or_none()
    if row is None:
        raise NotFound(resource="user", id=user_id)
    return _plain(row)


def named(session: Session, text: str) -> dict[str, Any] | None:
    """Return whom an administrator names by number or by whole name, or None."""
    is_meant = [User.username == text]
    if text.isascii() and text.isdigit() and int(text) <= MAX_BIGINT:
        is_meant.append(User.id == int(text))
    row = session.execute(
        select(User.id, User.username).where(or_(*is_meant)).order_by(User.username != text)
    ).first()
    return None if row is None else _plain(row)


def _users() -> AnySelect:
    is_spendable = and_(Account.owner_id == User.id, Account.kind == AccountKind.SPENDABLE)
    return select(
        User.id,
        User.username,
        User.email,
        User.role,
        User.is_active,
        func.coalesce(Account.balance, 0).label("token_balance"),
        User.created_at,
    ).outerjoin(Account, is_spendable)


def audit(session: Session, *, wanted: AuditFilter, page: PageRequest) -> Page:
    """List what administrators changed, newest first."""
    conditions = matching(
        (AuditEntry.object_type, wanted.object_type),
        (AuditEntry.object_id, wanted.object_id),
        (AuditEntry.admin_id, wanted.admin_id),
    )
    keyset = _newest_first(AuditEntry, {"list": "audit", **vars(wanted)})
    statement = select(*AuditEntry.__table__.columns, User.username).join(
        User, User.id == AuditEntry.admin_id
    )
    ids = keyset.apply(select(AuditEntry.id).where(*conditions), page)
    rows = session.execute(keyset.look_up(statement, ids)).all()
    return keyset.page(rows, page, _audit_entry)


def _audit_entry(row: AnyRow) -> dict[str, Any]:
    shown = _plain(row)
    return shown | {"admin": {"id": shown.pop("admin_id"), "username": shown.pop("username")}}


def _newest_first(
    model: type[Tag | Comment | User | AuditEntry], binding: dict[str, Any]
) -> Keyset:
    return Keyset([(model.created_at, "created_at", datetime), (model.id, "id", int)], binding)


def _plain(row: AnyRow) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - the public mapping of a Row
