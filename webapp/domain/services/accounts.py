"""People: sign in and out, become an artist, change a profile, and read one's own account."""

import io
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from PIL import Image
from sqlalchemy import and_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.domain import images
from webapp.domain.errors import (
    IMAGE_ERRORS,
    AccountInactive,
    AlreadyArtist,
    DuplicateUsername,
    SessionExpired,
)
from webapp.domain.gateways.storage import Storage
from webapp.domain.identifiers import object_key
from webapp.domain.image_processes import sanitise_in_subprocess
from webapp.domain.images import SafeImage
from webapp.domain.models.account import Artist, Role, SignIn, User
from webapp.domain.services import ledger, notifications
from webapp.domain.viewing import signed_url

SIGN_IN_LIFETIME = timedelta(days=14)
MIN_USERNAME, MAX_USERNAME = 3, 50
NAME_TRIES = 8
MIN_CONTRAST = 40  # of 255; below, nothing can be seen

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
        created: User | None = session.scalar(
            insert(User)
            .values(google_sub=identity.sub, email=identity.email, username=username)
            .on_conflict_do_nothing()
            .returning(User)
        )
        if created is not None:
            ledger.welcome(session, created)
            return created
        twin = _find(session, identity.sub)
        if twin is not None:
            return twin
    raise DuplicateUsername(username=identity.name)


def _usernames(identity: GoogleIdentity) -> list[str]:
    """Return names to try: the person's own, then ones with digits of chance."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "", identity.name.replace(" ", "_")).strip("._-")
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


def upgrade_to_artist(
    session: Session,
    storage: Storage,
    *,
    user: User,
    artist_name: str,
    verified_email: str | None,
    signature: bytes,
) -> Artist:
    """Make a user an artist with a signature: a PNG, drawn or uploaded.

    Raises AlreadyArtist, or the error of a signature that is no usable PNG.
    """
    if session.get(Artist, user.id) is not None:
        raise AlreadyArtist
    clean = _clean_signature(signature)
    key = object_key("signatures", "png")
    storage.put(key, clean.data, content_type="image/png")
    made: Artist | None = session.scalar(
        insert(Artist)
        .values(
            user_id=user.id,
            artist_name=artist_name,
            verified_email=verified_email or user.email,
            signature_key=key,
            signature_sha256=clean.sha256,
        )
        .on_conflict_do_nothing()
        .returning(Artist)
    )
    if made is None:
        raise AlreadyArtist
    if user.role != Role.ADMIN:
        user.role = Role.ARTIST
    session.flush()
    session.refresh(user)
    return made


def _clean_signature(signature: bytes) -> SafeImage:
    try:
        clean = sanitise_in_subprocess(signature, images.SIGNATURE_IMAGE, keep_alpha=True)
        _refuse_blank(clean)
    except images.BadImage as error:
        bad = {
            "idx": 0,
            "filename": "signature_image",
            "code": error.code,
            "actual": error.actual,
            "limit": error.limit,
        }
        raise IMAGE_ERRORS[error.code](images=[bad]) from error
    return clean


def _refuse_blank(clean: SafeImage) -> None:
    """Raise BadImage when nothing is drawn: later, every order would fail for it."""
    with Image.open(io.BytesIO(clean.data), formats=("PNG",)) as image:
        has_alpha = image.mode == "RGBA"
        ink = image.getchannel("A") if has_alpha else image.convert("L")
        levels = [level for level, count in enumerate(ink.histogram()) if count]
    spread = levels[-1] if has_alpha else levels[-1] - levels[0]
    if spread < MIN_CONTRAST:
        raise images.BadImage(images.ImageCode.CORRUPT)


def update_profile(
    session: Session,
    *,
    user: User,
    username: str | None,
    bio: str | None,
    language: str | None,
) -> None:
    """Change what was given. Raises DuplicateUsername."""
    if username is not None and username != user.username:
        user.username = username
    if bio is not None:
        user.bio = bio
    if language is not None:
        user.language = language
    try:
        session.flush()
    except IntegrityError as error:
        raise DuplicateUsername(username=username) from error


def profile(session: Session, storage: Storage, user: User) -> dict[str, Any]:
    """Return a person's own account as GET /auth/me shows it."""
    balances = ledger.balances(session, user.id)
    return {
        "id": user.id,
        "username": user.username,
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
        "verified_email": artist.verified_email,
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
            "verified_email": artist.verified_email,
            "signature_image_url": signed_url(storage, artist.signature_key),
        },
    }
