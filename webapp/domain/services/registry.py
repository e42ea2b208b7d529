"""Completes the registry of delivered pictures: hashes of previews and thumbnails of old pictures.

Pictures that were delivered before these hashes were recorded get them from their files, which are
not changed; nor are they marked. `image_sha256` and the perceptual hash are in every certificate.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.domain.db import UnitOfWork
from webapp.domain.gateways.storage import ObjectMissing, Storage
from webapp.domain.models.generation import Generation
from webapp.domain.queries import registry
from webapp.domain.queries.registry import UnhashedPicture

PIECE = 200  # pictures of one commit
READERS = 8  # files that are read from storage at once


@dataclass(frozen=True, slots=True)
class Backfilled:
    """How many pictures got their hashes, and the ids of those whose files are missing."""

    hashed: int
    missing: list[int]


@dataclass(frozen=True, slots=True)
class _FileHashes:
    preview_sha256: str
    thumbnail_sha256: str


def backfill(
    unit_of_work: UnitOfWork,
    storage: Storage,
    *,
    on_piece: Callable[[int], None] = lambda _pictures: None,
) -> Backfilled:
    """Record the hashes of all pictures that have none; `on_piece` gets how many were read.

    Each piece is committed, so an interrupted run is continued by the next one. Raises
    StorageUnavailable.
    """
    hashed, last_id = 0, 0
    missing: list[int] = []
    with ThreadPoolExecutor(READERS) as readers:
        while True:
            with unit_of_work() as session:
                pictures = registry.unhashed(session, after_id=last_id, limit=PIECE)
            if not pictures:
                return Backfilled(hashed, missing)
            last_id = pictures[-1].generation_id
            found = list(readers.map(lambda picture: _hashes(storage, picture), pictures))
            with unit_of_work() as session:
                for picture, hashes in zip(pictures, found, strict=True):
                    if hashes is None:
                        missing.append(picture.generation_id)
                    elif _record(session, picture, hashes):
                        hashed += 1
            on_piece(len(pictures))


def _hashes(storage: Storage, picture: UnhashedPicture) -> _FileHashes | None:
    try:
        files = [storage.get(key) for key in (picture.preview_key, picture.thumbnail_key)]
    except ObjectMissing:
        return None
    return _FileHashes(*(hashlib.sha256(data).hexdigest() for data in files))


def _record(session: Session, picture: UnhashedPicture, hashes: _FileHashes) -> bool:
    """Record the hashes unless the picture was deleted meanwhile."""
    updated = session.execute(
        update(Generation)
        .where(
            Generation.id == picture.generation_id,
            Generation.preview_key == picture.preview_key,
            Generation.thumbnail_key == picture.thumbnail_key,
        )
        .values(preview_sha256=hashes.preview_sha256, thumbnail_sha256=hashes.thumbnail_sha256)
        .returning(Generation.id)
    ).first()
    return updated is not None
