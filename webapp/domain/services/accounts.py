"""People: sign in and out, become an artist, change a profile, and read one's own account."""

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, func, inspect, or_, select, update
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
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import ledger, names, notifications, pictures

SIGN_IN_LIFETIME = timedelta(days=14)
MIN_USERNAME, MAX_USERNAME = 3, 50
NAME_TRIES = 8

# Asked by every request of everybody: put together once.
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
    """What Google says of a person; `sub` is the only lasting name."""

    sub: str
    email: str
    name: str


def sign_in(session: Session, identity: GoogleIdentity) -> SignIn:
    """Open a session for a person; the first one makes the account with its welcome bonus.

    Raises AccountInactive for a deactivated account.
    """
    user = _find(session, identity.sub) or _create(session, identity)
    if not user.is_active:
        raise AccountInactive
    opened = SignIn(
        id=secrets.token_urlsafe(32),
        user_id=user.id,
        expires_at=func.clock_timestamp() + SIGN_IN_LIFETIME,
    )
    session.add(opened)
    session.flush()
    return opened


def _find(session: Session, google_sub: str) -> User | None:
    return session.scalar(select(User).where(User.google_sub == google_sub))


def _create(session: Session, identity: GoogleIdentity) -> User:
    """Make the account; a parallel first sign-in of the same person finds the same one."""
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
    """Make the account under a username; None when that name or the account is there already."""
    shown = name_rules.visible_part(identity.name)[:MAX_USERNAME].strip()
    with session.begin_nested() as savepoint:
        created: User | None = session.scalar(
            insert(User)
            .values(
                google_sub=identity.sub,
                email=identity.email,
                username=username,
                display_name=username if not shown or name_rules.is_reserved(shown) else shown,
            )
            .on_conflict_do_nothing()
            .returning(User)
        )
        if created is None or not names.claim(session, created.id, username):
            savepoint.rollback()
            return None
    return created


def _usernames(identity: GoogleIdentity) -> list[str]:
    """Return names to try: the person's own in ASCII, then ones with digits of chance."""
    read = name_rules.romanised(identity.name.replace(" ", "_"))
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "", read).strip("._-")
    base = plain[: MAX_USERNAME - 7] if len(plain) >= MIN_USERNAME else "user"
    first = [base] if base != "user" else []
    return [*first, *(f"{base}_{secrets.randbelow(10**6):06}" for _ in range(NAME_TRIES))]


def signed_in_user(session: Session, sign_in_id: str) -> User:
    """Return whose session this is.

    Raises SessionExpired when it ran out or was ended, AccountInactive for a closed account.
    """
    row = session.execute(SIGNED_IN, {"sign_in_id": sign_in_id}).one_or_none()
    if row is None or not row.is_open:
        raise SessionExpired
    user: User = row[0]
    if not user.is_active:
        raise AccountInactive
    return user


def end_sign_in(session: Session, sign_in_id: str) -> None:
    """End one session for good, whatever its cookie says."""
    session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.ended_at.is_(None))
        .values(ended_at=func.clock_timestamp())
    )


def end_all_sign_ins(session: Session, user_id: int) -> None:
    """End every session of a person."""
    session.execute(
        update(SignIn)
        .where(SignIn.user_id == user_id, SignIn.ended_at.is_(None))
        .values(ended_at=func.clock_timestamp())
    )


def purge_sign_ins(session: Session) -> int:
    """Forget sessions that have run out or were ended; return how many."""
    gone = session.execute(
        delete(SignIn)
        .where(or_(SignIn.ended_at.is_not(None), SignIn.expires_at < func.clock_timestamp()))
        .returning(SignIn.id)
    )
    return len(gone.all())


def stay(session: Session, user_id: int) -> None:
    """Keep a person from leaving until this transaction ends, so that what is written now is seen.

    Raises AccountInactive for who has left meanwhile.
    """
    _check_active(
        session, select(User.is_active).with_for_update(read=True, key_share=True), user_id
    )


def _hold_alone(session: Session, user_id: int) -> None:
    """As `stay`, one change at a time: that of a unique name needs the row for itself."""
    _check_active(session, select(User.is_active).with_for_update(), user_id)


def _check_active(session: Session, locked: Select[bool], user_id: int) -> None:
    if session.scalar(locked.where(User.id == user_id)) is False:
        raise AccountInactive


def _id_without_statement(user: User) -> int:
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
    """Make a user an artist with a signature: a PNG, drawn or uploaded.

    Raises AlreadyArtist, DuplicateUsername for an artist name that looks like one that is taken,
    or the error of a signature that is no usable PNG.
    """
    key, sha256 = pictures.store_signature(
        storage, can_sign, signature, person_id=_id_without_statement(user)
    )
    _hold_alone(session, user.id)
    made: Artist | None = session.scalar(
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
    if made is None:
        raise AlreadyArtist
    _take_names(session, user, artist_name=artist_name)
    if user.role != Role.ADMIN:
        user.role = Role.ARTIST
    session.flush()
    session.refresh(user)
    return made


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
    """Change what was given; `picture` is a JPG or PNG file.

    Raises DuplicateUsername, also for a name that only looks like one that is taken, or the error
    of a picture that cannot be used.
    """
    picture_key = (
        None
        if picture is None
        else pictures.store_profile_picture(storage, picture, person_id=_id_without_statement(user))
    )
    _hold_alone(session, user.id)
    if username not in {None, user.username}:
        _take_names(session, user, username=username)
    if display_name is not None and name_rules.is_reserved(display_name):
        raise DuplicateUsername(display_name=display_name)
    given = {
        "username": username,
        "display_name": display_name,
        "bio": bio,
        "language": language,
        "profile_image_key": picture_key,
    }
    for name, value in given.items():
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
    """Change what was given of an artist's name and signature.

    It is for later images only: an image gets the signature its artist has when it is signed, so
    one that is ordered but not yet rendered gets the new one, and no delivered image ever changes.
    Raises the error of a signature that is no usable PNG, ArtistOnly, and DuplicateUsername for a
    name that looks like one that is taken.
    """
    drawn = (
        None
        if signature is None
        else pictures.store_signature(
            storage, can_sign, signature, person_id=_id_without_statement(user)
        )
    )
    key, sha256 = drawn or (None, None)
    _hold_alone(session, user.id)
    artist = user.artist
    if artist is None:
        raise ArtistOnly(role=user.role)
    if artist_name not in {None, artist.artist_name}:
        _take_names(session, user, artist_name=artist_name)
    given = {
        "artist_name": artist_name,
        "signature_key": key,
        "signature_sha256": sha256,
        "signature_position": signature_position,
        "signature_size": signature_size,
        "signature_opacity": signature_opacity,
    }
    for name, value in given.items():
        if value is not None:
            setattr(artist, name, value)
    session.flush()
    return artist


def _take_names(session: Session, user: User, **changes: str | None) -> None:
    """Take a person's names as they will be; raises DuplicateUsername with the one that changes."""
    artist_name = user.artist.artist_name if user.artist else None
    chosen = {"username": user.username, "artist_name": artist_name} | changes
    if not names.claim(session, user.id, *(name for name in chosen.values() if name is not None)):
        raise DuplicateUsername(**changes)


def profile(session: Session, storage: Storage, user: User) -> dict[str, Any]:
    """Return a person's own account as GET /auth/me shows it."""
    balances = ledger.balances(session, user.id)
    return {
        "id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "email": user.email,
        "profile_image": signed_url(storage, user.profile_image_key),
        "role": user.role,
        "bio": user.bio,
        "language": user.language,
        "token_balance": balances.spendable,
        "unread_notifications": notifications.unread_count(session, user.id),
        "created_at": user.created_at,
        "artist": user.artist and artist_profile(storage, user, user.artist, balances.earned),
    }


def artist_profile(storage: Storage, user: User, artist: Artist, earned: int) -> dict[str, Any]:
    """Return the artist side of one's own account."""
    return {
        "id": artist.user_id,
        "artist_name": artist.artist_name,
        "contact_email": artist.contact_email,
        "signature_image_url": signed_url(storage, artist.signature_key),
        "signature_position": artist.signature_position,
        "signature_size": artist.signature_size,
        "signature_opacity": artist.signature_opacity,
        "earned_token_balance": earned,
        "follower_count": user.follower_count,
    }


def upgraded(storage: Storage, user: User, artist: Artist) -> dict[str, Any]:
    """Return what an upgrade answers."""
    return {
        "user": {"id": user.id, "role": user.role},
        "artist": {
            "id": artist.user_id,
            "artist_name": artist.artist_name,
            "contact_email": artist.contact_email,
            "signature_image_url": signed_url(storage, artist.signature_key),
        },
    }
