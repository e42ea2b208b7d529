"""Read tags, comments, collections and users for administrators."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from webapp.domain import names
from webapp.domain.errors import NotFound
from webapp.domain.models.account import Artist, Role, TakenName, User
from webapp.domain.models.collection import Collection
from webapp.domain.models.comment import Comment
from webapp.domain.models.ledger import Account, AccountKind
from webapp.domain.models.style import Tag
from webapp.domain.queries import searching
from webapp.domain.queries.answers import UserName
from webapp.domain.queries.pagination import (
    MAX_BIGINT,
    MAX_LIMIT,
    AnyRow,
    AnySelect,
    Keyset,
    Page,
    PageRequest,
)
from webapp.domain.queries.viewing import flags, matching


@dataclass(frozen=True)
class ModerationFilter:
    """Filters of tags, styles, pictures, comments and collections; None means all."""

    is_flagged: bool | None = None
    is_active: bool | None = None
    q: str | None = None
    user_id: int | None = None


@dataclass(frozen=True)
class UserFilter:
    """Filters of users; None means all."""

    q: str | None = None
    role: str | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True)
class ModeratedTag:
    """A tag, hidden or not."""

    id: int
    name: str
    usage_count: int
    is_active: bool
    is_flagged: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ModeratedComment:
    """A comment with its text, hidden or not."""

    id: int
    generation_id: int
    parent_id: int | None
    content: str
    is_hidden: bool
    created_at: datetime
    updated_at: datetime
    user: UserName


@dataclass(frozen=True, slots=True)
class ModeratedCollection:
    """A collection with its texts, hidden or not."""

    id: int
    name: str
    description: str
    is_public: bool
    is_flagged: bool
    created_at: datetime
    updated_at: datetime
    user: UserName


@dataclass(frozen=True, slots=True)
class ModeratedUser:
    """A user with e-mail address and available tokens."""

    id: int
    username: str
    email: str
    role: Role
    is_active: bool
    token_balance: int
    created_at: datetime


def tags(session: Session, *, filters: ModerationFilter, page: PageRequest) -> Page[ModeratedTag]:
    """List tags, newest first; `q` is part of a name."""
    conditions = flags((Tag.is_flagged, filters.is_flagged), (Tag.is_active, filters.is_active))
    part = filters.q and searching.cleaned(session, filters.q)
    keyset = _newest_first(Tag, {"list": "admin tags", **vars(filters)})
    rows = keyset.find(
        Tag,
        select(*Tag.__table__.columns).where(*conditions),
        page,
        lambda ids: session.execute(keyset.look_up(select(*TAG_COLUMNS), ids)).all(),
        lambda tag: [searching.contains(tag.name_grams, tag.name, part)] if part else [],
    )
    return keyset.page(rows, page, _tag)


TAG_COLUMNS = (
    Tag.id,
    Tag.name,
    Tag.usage_count,
    Tag.is_active,
    Tag.is_flagged,
    Tag.created_at,
)


def tag(session: Session, *, tag_id: int) -> ModeratedTag:
    """Return one tag as it is listed."""
    return _tag(session.execute(select(*TAG_COLUMNS).where(Tag.id == tag_id)).one())


def _tag(row: AnyRow) -> ModeratedTag:
    return ModeratedTag(
        id=row.id,
        name=row.name,
        usage_count=row.usage_count,
        is_active=row.is_active,
        is_flagged=row.is_flagged,
        created_at=row.created_at,
    )


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


def comments(
    session: Session, *, filters: ModerationFilter, page: PageRequest
) -> Page[ModeratedComment]:
    """List comments with their texts, newest first; `is_flagged` means hidden.

    `q` is part of a text; all comments are searched for it, however rare it is.
    """
    conditions = [
        *flags((Comment.is_hidden, filters.is_flagged)),
        *matching((Comment.user_id, filters.user_id)),
    ]
    part = filters.q
    keyset = _newest_first(Comment, {"list": "admin comments", **vars(filters)})
    rows = keyset.find(
        Comment,
        select(Comment).where(*conditions),
        page,
        lambda ids: session.execute(keyset.look_up(_comments(), ids)).all(),
        lambda comment: [comment.content.icontains(part, autoescape=True)] if part else [],
    )
    return keyset.page(rows, page, _comment)


def comment(session: Session, *, comment_id: int) -> ModeratedComment:
    """Return one comment as it is listed."""
    return _comment(session.execute(_comments().where(Comment.id == comment_id)).one())


def _comments() -> AnySelect:
    return select(*COMMENT_COLUMNS).join(User, User.id == Comment.user_id)


def _comment(row: AnyRow) -> ModeratedComment:
    return ModeratedComment(
        id=row.id,
        generation_id=row.generation_id,
        parent_id=row.parent_id,
        content=row.content,
        is_hidden=row.is_hidden,
        created_at=row.created_at,
        updated_at=row.updated_at,
        user=UserName(row.user_id, row.username),
    )


COLLECTION_COLUMNS = (
    Collection.id,
    Collection.name,
    Collection.description,
    Collection.is_public,
    Collection.is_flagged,
    Collection.created_at,
    Collection.updated_at,
    Collection.user_id,
    User.username,
)


def collections(
    session: Session, *, filters: ModerationFilter, page: PageRequest
) -> Page[ModeratedCollection]:
    """List public and hidden collections, newest first; `q` is part of a name.

    A private one that nobody has hidden is its owner's alone.
    """
    conditions = [
        or_(Collection.is_public, Collection.is_flagged),
        *flags((Collection.is_flagged, filters.is_flagged)),
        *matching((Collection.user_id, filters.user_id)),
    ]
    part = filters.q
    keyset = _newest_first(Collection, {"list": "admin collections", **vars(filters)})
    rows = keyset.find(
        Collection,
        select(Collection).where(*conditions),
        page,
        lambda ids: session.execute(keyset.look_up(_collections(), ids)).all(),
        lambda each: [each.name.icontains(part, autoescape=True)] if part else [],
    )
    return keyset.page(rows, page, _collection)


def collection(session: Session, *, collection_id: int) -> ModeratedCollection:
    """Return one collection as it is listed."""
    return _collection(session.execute(_collections().where(Collection.id == collection_id)).one())


def _collections() -> AnySelect:
    return select(*COLLECTION_COLUMNS).join(User, User.id == Collection.user_id)


def _collection(row: AnyRow) -> ModeratedCollection:
    return ModeratedCollection(
        id=row.id,
        name=row.name,
        description=row.description,
        is_public=row.is_public,
        is_flagged=row.is_flagged,
        created_at=row.created_at,
        updated_at=row.updated_at,
        user=UserName(row.user_id, row.username),
    )


def users(session: Session, *, filters: UserFilter, page: PageRequest) -> Page[ModeratedUser]:
    """List users with their balance, newest first; `q` is part of a username or an e-mail address.

    All users are searched for it, however rare it is.
    """
    conditions = [
        User.deleted_at.is_(None),
        *flags((User.is_active, filters.is_active)),
        *matching((User.role, filters.role)),
    ]
    part = filters.q

    def matches(user: type[User]) -> list[ColumnElement[bool]]:
        if part is None:
            return []
        columns = (user.username, user.email)
        return [or_(*(column.icontains(part, autoescape=True) for column in columns))]

    keyset = _newest_first(User, {"list": "admin users", **vars(filters)})
    rows = keyset.find(
        User,
        select(*User.__table__.columns).where(*conditions),
        page,
        lambda ids: session.execute(keyset.look_up(_users(), ids)).all(),
        matches,
    )
    return keyset.page(rows, page, _user)


def user(session: Session, *, user_id: int) -> ModeratedUser:
    """Return one user as listed. Raises NotFound, also for a deleted account."""
    row = session.execute(
        _users().where(User.id == user_id, User.deleted_at.is_(None))
    ).one_or_none()
    if row is None:
        raise NotFound(resource="user", id=user_id)
    return _user(row)


def user_named(session: Session, text: str) -> UserName | None:
    """Return the user with this username, else with this id, name or e-mail address, else None.

    A name is also an artist's; case makes no difference.
    """
    return _named_exactly(session, text) or (
        _with_email(session, text) if "@" in text else _named_alike(session, text)
    )


def _named_exactly(session: Session, name_or_id: str) -> UserName | None:
    matches = [User.username == name_or_id]
    if name_or_id.isascii() and name_or_id.isdigit() and int(name_or_id) <= MAX_BIGINT:
        matches.append(User.id == int(name_or_id))
    row = session.execute(
        select(User.id, User.username).where(or_(*matches)).order_by(User.username != name_or_id)
    ).first()
    return None if row is None else UserName(row.id, row.username)


def _named_alike(session: Session, name: str) -> UserName | None:
    """Return the user with this name in any case, by the unique keys of names."""
    row = session.execute(
        select(User.id, User.username)
        .outerjoin(Artist, Artist.user_id == User.id)
        .where(
            User.id.in_(select(TakenName.user_id).where(TakenName.key.in_(names.keys(name)))),
            or_(
                *(func.lower(each) == name.lower() for each in (User.username, Artist.artist_name))
            ),
        )
    ).first()
    return None if row is None else UserName(row.id, row.username)


def _with_email(session: Session, email: str) -> UserName | None:
    """Return the user with this e-mail address; like its parts, no index has it."""
    found = users(session, filters=UserFilter(q=email), page=PageRequest(limit=MAX_LIMIT))
    return next(
        (
            UserName(each.id, each.username)
            for each in found.results
            if each.email.casefold() == email.casefold()
        ),
        None,
    )


def _user(row: AnyRow) -> ModeratedUser:
    return ModeratedUser(
        id=row.id,
        username=row.username,
        email=row.email,
        role=row.role,
        is_active=row.is_active,
        token_balance=row.token_balance,
        created_at=row.created_at,
    )


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


def _newest_first(
    model: type[Tag | Comment | Collection | User], binding: dict[str, object]
) -> Keyset:
    return Keyset([(model.created_at, "created_at", datetime), (model.id, "id", int)], binding)
