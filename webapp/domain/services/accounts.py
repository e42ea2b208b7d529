"""Accounts: sign in and out, become an artist, change a profile."""

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, and_, bindparam, func, inspect, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.domain import names as name_rules
from webapp.domain.errors import (
    AccountInactive,
    AlreadyArtist,
    ArtistOnly,
    DuplicateUsername,
    SessionExpired,
)
from webapp.domain.gateways.signer import CanSign
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import (
    Artist,
    Role,
    SignaturePosition,
    SignatureSize,
    SignIn,
    User,
)
from webapp.domain.pieces import delete_chosen
from webapp.domain.services import ledger, names, pictures

SIGN_IN_LIFETIME = timedelta(days=14)
MIN_USERNAME, MAX_USERNAME = 3, 50
NAME_TRIES = 8

# Every request of a signed-in user executes it, so it is built once.
SIGNED_IN = (
    select(
        User,
        and_(SignIn.ended_at.is_(None), SignIn.expires_at > func.clock_timestamp()).label(
            "is_open"
        ),
    )
    .join(SignIn, SignIn.user_id == User.id)
    .where(SignIn.id == bindparam("sign_in_id"))
)


@dataclass(frozen=True)
class GoogleIdentity:
    """What Google says of a person; only `sub` never changes.

    `email` is None for an address that Google has not verified: it may be somebody else's.
    """

    sub: str
    email: str | None
    name: str


@dataclass(frozen=True)
class OpenedSignIn:
    """The session that was opened for a user; `is_first` if there was no account before."""

    id: str
    user_id: int
    is_first: bool


class AddressNotVerified(ValueError):
    """A person without an account has no address that Google has verified."""


def sign_in(session: Session, identity: GoogleIdentity) -> OpenedSignIn:
    """Open a session for a user; the first one creates the account with its welcome bonus.

    Later ones keep its address up to date. Raises AccountInactive for a deactivated account,
    AddressNotVerified for a first sign-in without an address.
    """
    known = _find(session, identity.sub)
    user = known or _create(session, identity)
    if not user.is_active:
        raise AccountInactive
    if identity.email not in {None, user.email}:
        # Not of an account that is deleted meanwhile: it has no address any more.
        session.execute(
            update(User).where(User.id == user.id, User.is_active).values(email=identity.email)
        )
    opened = SignIn(
        id=secrets.token_urlsafe(32),
        user_id=user.id,
        expires_at=func.clock_timestamp() + SIGN_IN_LIFETIME,
    )
    session.add(opened)
    session.flush()
    return OpenedSignIn(opened.id, user.id, is_first=known is None)


def _find(session: Session, google_sub: str) -> User | None:
    return session.scalar(select(User).where(User.google_sub == google_sub))


def _create(session: Session, identity: GoogleIdentity) -> User:
    """Create the account; concurrent first sign-ins of one user return the same account."""
    if identity.email is None:
        raise AddressNotVerified
    for username in _usernames(identity):
        created = _created_as(session, identity, username)
        if created is not None:
            ledger.welcome(session, created)
            return created
        twin = _find(session, identity.sub)
        if twin is not None:
            return twin
    raise DuplicateUsername(username=identity.name)


def _created_as(session: Session, identity: GoogleIdentity, username: str) -> User | None:
    """Create the account with a username; None when the username or the account exists."""
    display_name = name_rules.visible_part(identity.name)[:MAX_USERNAME].strip()
    if not display_name or name_rules.is_reserved(display_name):
        display_name = username
    with session.begin_nested() as savepoint:
        created: User | None = session.scalar(
            insert(User)
            .values(
                google_sub=identity.sub,
                email=identity.email,
                username=username,
                display_name=display_name,
            )
            .on_conflict_do_nothing()
            .returning(User)
        )
        if created is None or not names.claim(session, created.id, username):
            savepoint.rollback()
            return None
    return created


def _usernames(identity: GoogleIdentity) -> list[str]:
    """Return usernames to try: the romanised name, then the name with random digits."""
    romanised = name_rules.romanised(identity.name.replace(" ", "_"))
    ascii_name = re.sub(r"[^A-Za-z0-9_.-]+", "", romanised).strip("._-")
    base = ascii_name[: MAX_USERNAME - 7] if len(ascii_name) >= MIN_USERNAME else "user"
    first = [base] if base != "user" else []
    return [*first, *(f"{base}_{secrets.randbelow(10**6):06}" for _ in range(NAME_TRIES))]


def signed_in_user(session: Session, sign_in_id: str) -> User:
    """Return the user of a session.

    Raises SessionExpired when it has expired or was ended, AccountInactive for a closed account.
    """
    row = session.execute(SIGNED_IN, {"sign_in_id": sign_in_id}).one_or_none()
    if row is None or not row.is_open:
        raise SessionExpired
    user: User = row[0]
    if not user.is_active:
        raise AccountInactive
    return user


def end_sign_in(session: Session, sign_in_id: str) -> None:
    """End one session on the server; its cookie is refused from then on."""
    session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.ended_at.is_(None))
        .values(ended_at=func.clock_timestamp())
    )


def end_all_sign_ins(session: Session, user_id: int) -> None:
    """End every session of a user."""
    session.execute(
        update(SignIn)
        .where(SignIn.user_id == user_id, SignIn.ended_at.is_(None))
        .values(ended_at=func.clock_timestamp())
    )


def purge_sign_ins(session: Session, *, limit: int) -> int:
    """Delete at most `limit` sessions that have expired or were ended; return how many."""
    over = (
        select(SignIn.id)
        # As in the index ix_sign_ins_over, which clock_timestamp() could not use.
        .where(func.least(SignIn.expires_at, SignIn.ended_at) < func.statement_timestamp())
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return delete_chosen(session, SignIn.id, over)


def lock_active(session: Session, user_id: int) -> None:
    """Lock the user row (FOR KEY SHARE) so the account cannot be closed during this transaction.

    Raises AccountInactive for an account that is closed.
    """
    _check_active(
        session, select(User.is_active).with_for_update(read=True, key_share=True), user_id
    )


def lock_undeleted(session: Session, user_id: int) -> bool:
    """Lock the user row (FOR KEY SHARE), also of a closed account; False if it is deleted."""
    locked = select(User.deleted_at).with_for_update(read=True, key_share=True)
    return session.scalar(locked.where(User.id == user_id)) is None


def lock_exclusively(session: Session, user_id: int) -> None:
    """Lock the user row (FOR UPDATE): for changes that must not run beside another of this user.

    Raises AccountInactive for an account that is closed.
    """
    _check_active(session, select(User.is_active).with_for_update(), user_id)


def _check_active(session: Session, locked: Select[bool], user_id: int) -> None:
    if session.scalar(locked.where(User.id == user_id)) is False:
        raise AccountInactive


def id_without_statement(user: User) -> int:
    """Return the id of a user whose other columns may have expired.

    Pictures are decoded before the first statement, so that no connection waits for it.
    """
    identity = inspect(user).identity
    return int(identity[0]) if identity else user.id


def upgrade_to_artist(
    session: Session,
    storage: Storage,
    can_sign: CanSign,
    *,
    user: User,
    artist_name: str,
    contact_email: str | None,
    signature: bytes,
) -> Artist:
    """Make a user an artist; `signature` is a PNG file.

    Raises AlreadyArtist, DuplicateUsername for an artist name that is confusable with another,
    or the error of an unusable PNG.
    """
    key, sha256 = pictures.store_signature(
        storage, can_sign, signature, person_id=id_without_statement(user)
    )
    lock_exclusively(session, user.id)
    artist: Artist | None = session.scalar(
        insert(Artist)
        .values(
            user_id=user.id,
            artist_name=artist_name,
            contact_email=contact_email or user.email,
            signature_key=key,
            signature_sha256=sha256,
        )
        .on_conflict_do_nothing()
        .returning(Artist)
    )
    if artist is None:
        raise AlreadyArtist
    _take_names(session, user, artist_name=artist_name)
    if user.role != Role.ADMIN:
        user.role = Role.ARTIST
    session.flush()
    session.refresh(user)
    return artist


def update_profile(
    session: Session,
    storage: Storage,
    *,
    user: User,
    username: str | None = None,
    display_name: str | None = None,
    bio: str | None = None,
    language: str | None = None,
    picture: bytes | None = None,
) -> None:
    """Change the fields that are not None; `picture` is a JPG or PNG file.

    Raises DuplicateUsername, also for a name that is confusable with another, or the error of an
    unusable picture.
    """
    picture_key = (
        None
        if picture is None
        else pictures.store_profile_picture(storage, picture, person_id=id_without_statement(user))
    )
    lock_exclusively(session, user.id)
    if username not in {None, user.username}:
        _take_names(session, user, username=username)
    if display_name is not None and name_rules.is_reserved(display_name):
        raise DuplicateUsername(display_name=display_name)
    columns = {
        "username": username,
        "display_name": display_name,
        "bio": bio,
        "language": language,
        "profile_image_key": picture_key,
    }
    for name, value in columns.items():
        if value is not None:
            setattr(user, name, value)
    try:
        session.flush()
    except IntegrityError as error:
        raise DuplicateUsername(username=username) from error


def update_artist(
    session: Session,
    storage: Storage,
    can_sign: CanSign,
    *,
    user: User,
    artist_name: str | None = None,
    signature: bytes | None = None,
    signature_position: SignaturePosition | None = None,
    signature_size: SignatureSize | None = None,
    signature_opacity: float | None = None,
) -> Artist:
    """Change the fields of an artist that are not None.

    A picture gets the signature that its artist has when it is signed: the new one for a picture
    that is ordered but not rendered yet; delivered pictures do not change. Raises ArtistOnly, the
    error of an unusable PNG, and DuplicateUsername for a name that is confusable with another.
    """
    stored = (
        None
        if signature is None
        else pictures.store_signature(
            storage, can_sign, signature, person_id=id_without_statement(user)
        )
    )
    key, sha256 = stored or (None, None)
    lock_exclusively(session, user.id)
    artist = user.artist
    if artist is None:
        raise ArtistOnly(role=user.role)
    if artist_name not in {None, artist.artist_name}:
        _take_names(session, user, artist_name=artist_name)
    columns = {
        "artist_name": artist_name,
        "signature_key": key,
        "signature_sha256": sha256,
        "signature_position": signature_position,
        "signature_size": signature_size,
        "signature_opacity": signature_opacity,
    }
    for name, value in columns.items():
        if value is not None:
            setattr(artist, name, value)
    session.flush()
    return artist


def _take_names(session: Session, user: User, **changes: str | None) -> None:
    """Reserve the names of a user after `changes`; raises DuplicateUsername with the changes."""
    artist_name = user.artist.artist_name if user.artist else None
    new_names = {"username": user.username, "artist_name": artist_name} | changes
    if not names.claim(
        session, user.id, *(name for name in new_names.values() if name is not None)
    ):
        raise DuplicateUsername(**changes)
