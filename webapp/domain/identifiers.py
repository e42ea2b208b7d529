"""Generated identifiers: sortable object keys, and public ids that cannot be guessed."""

import secrets

from ulid import ULID

PUBLIC_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def object_key(kind: str, extension: str) -> str:
    """Return a new storage key such as `artworks/01J….png`; never derived from a filename."""
    return f"{kind}/{ULID()}.{extension}"


def public_id(prefix: str, length: int = 16) -> str:
    """Return an unguessable id of about 93 bits, such as `L_7Kq2…`, without similar characters."""
    return prefix + "".join(secrets.choice(PUBLIC_ALPHABET) for _ in range(length))
