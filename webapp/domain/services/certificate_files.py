"""Proves that the picture of every certificate is in storage, for instance after a restore."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.db import UnitOfWork
from webapp.domain.gateways.storage import ObjectMissing, Storage
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate

PIECE = 200  # pictures of one query
READERS = 8  # files that are read from storage at once


@dataclass(frozen=True, slots=True)
class Checked:
    """How many pictures were looked for, and for each that failed its certificate and the reason.

    Pictures of deleted accounts have certificates but no files; they are not looked for.
    """

    count: int
    problems: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Picture:
    id: int
    public_id: str
    image_sha256: str
    image_key: str
    image_size: int | None  # None: of a picture from before sizes were recorded


def check(
    unit_of_work: UnitOfWork,
    storage: Storage,
    *,
    sizes_only: bool = False,
    on_piece: Callable[[int], None] = lambda _pictures: None,
) -> Checked:
    """Compare every picture with the hash in its certificate, or only with its recorded size.

    `on_piece` gets how many pictures were read. Raises StorageUnavailable.
    """
    count, last_id = 0, 0
    problems: list[tuple[str, str]] = []
    problem_of = partial(_problem, storage, sizes_only=sizes_only)
    with ThreadPoolExecutor(READERS) as readers:
        while True:
            with unit_of_work() as session:
                pictures = _next(session, after_id=last_id)
            if not pictures:
                return Checked(count, problems)
            last_id = pictures[-1].id
            count += len(pictures)
            found = readers.map(problem_of, pictures)
            problems += [
                (picture.public_id, problem)
                for picture, problem in zip(pictures, found, strict=True)
                if problem is not None
            ]
            on_piece(len(pictures))


def _next(session: Session, *, after_id: int) -> list[_Picture]:
    query = (
        select(
            Certificate.id,
            Certificate.public_id,
            Certificate.image_sha256,
            Generation.image_key,
            Generation.image_size,
        )
        .join(Generation, Generation.id == Certificate.generation_id)
        .where(Certificate.id > after_id, Generation.image_key.is_not(None))
        .order_by(Certificate.id)
        .limit(PIECE)
    )
    return [
        _Picture(row_id, public_id, sha256, key, size)
        for row_id, public_id, sha256, key, size in session.execute(query)
        if key is not None
    ]


def _problem(storage: Storage, picture: _Picture, *, sizes_only: bool) -> str | None:
    if sizes_only:
        info = storage.head(picture.image_key)
        if info is None:
            return "missing"
        return None if picture.image_size in {info.size, None} else "another size"
    try:
        data = storage.get(picture.image_key)
    except ObjectMissing:
        return "missing"
    is_same = hashlib.sha256(data).hexdigest() == picture.image_sha256
    return None if is_same else "another file"
