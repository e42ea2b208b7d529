"""The registry of delivered pictures: found by their files, watermarks and perceptual hashes.

A picture that is found is only proposed: `near` names pictures that look alike, and a watermark can
be copied onto another picture. Whoever claims a match compares the pictures first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations

from sqlalchemy import ColumnElement, exists, func, or_, select, text
from sqlalchemy.orm import Session, aliased

from webapp.domain.models.account import Artist
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.license import CHUNK_DIGITS, CHUNKS, Certificate, hash_chunk, hash_digits
from webapp.domain.models.style import Style
from webapp.domain.queries.answers import ArtistName, StyleName
from webapp.domain.queries.licenses import status_of
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.services import sets_canvases
from webapp.domain.services.duplicates import same_pixels

NEAR_BITS = 10
"""Two perceptual hashes that differ in at most so many of 64 bits may be of the same picture."""

MAX_HASHES = 8
CHUNK_BITS = 4 * CHUNK_DIGITS
CHUNK_FLIPS = NEAR_BITS // CHUNKS  # in the chunk that differs least
MASKS = [
    sum(1 << bit for bit in flipped)
    for flips in range(CHUNK_FLIPS + 1)
    for flipped in combinations(range(CHUNK_BITS), flips)
]


def _chunk(chunk: int) -> dict[str, str]:
    return {
        "stored": hash_chunk("perceptual_hash", chunk),
        "requested": hash_chunk("requested.hash", chunk),
    }


_OF_CHUNK = """
    SELECT stored.id,
           bit_count(('x' || stored.perceptual_hash)::bit(64) # requested.bits) AS distance
    FROM requested CROSS JOIN unnest(CAST(:masks AS integer[])) AS mask
    CROSS JOIN LATERAL (
        SELECT id, perceptual_hash FROM certificates WHERE {stored} = {requested} # mask OFFSET 0
    ) AS stored"""
# One statement for any number of hashes: each of four indexes is searched for every chunk that
# differs in at most two bits. Exact, because ten differing bits leave one such chunk of four.
# OFFSET 0 keeps the planner from reading a whole index instead.
_NEAR = text(f"""
    WITH requested AS MATERIALIZED (
        SELECT hash, ('x' || hash)::bit(64) AS bits FROM unnest(CAST(:hashes AS text[])) AS hash),
    near AS (
        SELECT id, min(distance) AS distance
        FROM ({" UNION ALL ".join(_OF_CHUNK.format(**_chunk(chunk)) for chunk in range(CHUNKS))})
        AS compared WHERE distance <= {NEAR_BITS} GROUP BY id)
    SELECT near.id, near.distance FROM near
    JOIN certificates ON certificates.id = near.id
    JOIN generations ON generations.id = certificates.generation_id
    WHERE generations.image_key IS NOT NULL
    ORDER BY near.distance, near.id LIMIT :limit""")  # noqa: S608 - of constants


_UNHASHED = (
    Generation.status == GenerationStatus.COMPLETED,
    Generation.preview_key.is_not(None),
    Generation.thumbnail_key.is_not(None),
    or_(Generation.preview_sha256.is_(None), Generation.thumbnail_sha256.is_(None)),
)


@dataclass(frozen=True, slots=True)
class RegisteredPicture:
    """A delivered picture with its certificate.

    `status` is `queries.licenses.EXPIRED` or a CertificateStatus; `valid_to` and `revoked_at` are
    the dates of both. `image_key` is the full file in storage and `preview_key` the public one;
    both are None once the owner's account is deleted. `perceptual_hash` has 16 hexadecimal digits.
    `watermark_number` is None for a picture that was delivered without a watermark.
    """

    generation_id: int
    public_id: str
    artist: ArtistName
    style: StyleName
    issued_at: datetime
    status: str
    valid_to: date | None
    revoked_at: datetime | None
    is_public: bool
    image_key: str | None
    preview_key: str | None
    image_sha256: str
    perceptual_hash: str
    watermark_number: int | None

    def is_near(self, hashes: Sequence[int]) -> bool:
        """Tell whether one of the perceptual hashes of a picture is near this one's."""
        own = int(self.perceptual_hash, 16)
        return any((own ^ int(hash_digits(each), 16)).bit_count() <= NEAR_BITS for each in hashes)


@dataclass(frozen=True, slots=True)
class UnhashedPicture:
    """A picture that was delivered before the hashes of preview and thumbnail were recorded."""

    generation_id: int
    preview_key: str
    thumbnail_key: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered picture whose perceptual hash differs in `distance` bits from a given one."""

    picture: RegisteredPicture
    distance: int


def by_sha256(session: Session, digest: bytes | str) -> list[RegisteredPicture]:
    """Return the pictures one of whose files (image, preview, thumbnail) has this SHA-256.

    `digest` is 32 bytes, or 64 hexadecimal digits.
    """
    digits = digest.hex() if isinstance(digest, bytes) else digest.lower()
    files = (Generation.image_sha256, Generation.preview_sha256, Generation.thumbnail_sha256)
    return _pictures(session, or_(*(file == digits for file in files)))


def by_watermark(session: Session, number: int) -> list[RegisteredPicture]:
    """Return the delivered picture with this watermark (0 to 2**64 - 1), if there is one."""
    return _pictures(session, Generation.watermark_number == number)


def by_public_id(session: Session, public_id: str) -> RegisteredPicture | None:
    """Return the picture of a certificate."""
    pictures = _pictures(session, Certificate.public_id == public_id)
    return pictures[0] if pictures else None


def near(session: Session, hashes: Sequence[int], limit: int = 20) -> list[Candidate]:
    """Return the pictures whose perceptual hash is near one of `hashes`, nearest first.

    `hashes` are those of one picture in its orientations (`gpu.signature.likeness.hashes`), 64 bits
    each, signed or not; at most 8. Pictures whose file is deleted are left out, because they cannot
    be compared.
    """
    if not 1 <= len(hashes) <= MAX_HASHES:
        raise ValueError(f"expected 1 to {MAX_HASHES} hashes, not {len(hashes)}")
    distance_by_id = _distances(session, [hash_digits(each) for each in hashes], limit)
    rows = _rows(session, Certificate.id.in_(distance_by_id))
    candidates = [Candidate(_picture(row), distance_by_id[row.certificate_id]) for row in rows]
    return sorted(candidates, key=lambda each: (each.distance, each.picture.generation_id))


def twins(session: Session, picture: RegisteredPicture) -> list[RegisteredPicture]:
    """Return the other delivered pictures with the same pixels but for watermark and signature.

    They were ordered with the same style, adapter, tags, aspect ratio, strength and seed. A canvas
    of Sets also depends on its photo and has no twins. The tags of a picture are deleted with its
    owner's account; then it is not found.
    """
    columns = (Certificate.perceptual_hash, sets_canvases.of_photo().label("is_canvas"))
    row = session.execute(
        select(*columns)
        .join(Generation, Generation.id == Certificate.generation_id)
        .where(Certificate.generation_id == picture.generation_id, Generation.deleted_at.is_(None))
    ).one_or_none()
    if row is None or row.is_canvas:
        return []
    original = aliased(Generation)
    same = exists().where(
        original.id == picture.generation_id,
        original.id != Generation.id,
        *same_pixels(original, Generation),
    )
    alike = _distances(session, [row.perceptual_hash])  # there is no index of all parameters
    return _pictures(session, Certificate.id.in_(alike), same, ~sets_canvases.of_photo())


def unhashed(session: Session, *, after_id: int, limit: int) -> list[UnhashedPicture]:
    """Return the next pictures that have files but no hashes of preview and thumbnail."""
    columns = (Generation.id, Generation.preview_key, Generation.thumbnail_key)
    rows = session.execute(
        select(*columns)
        .where(*_UNHASHED, Generation.id > after_id)
        .order_by(Generation.id)
        .limit(limit)
    )
    return [UnhashedPicture(row.id, row.preview_key, row.thumbnail_key) for row in rows]


def count_unhashed(session: Session) -> int:
    """Return how many pictures have files but no hashes of preview and thumbnail."""
    return session.scalar(select(func.count()).select_from(Generation).where(*_UNHASHED)) or 0


def _distances(session: Session, hashes: Sequence[str], limit: int | None = None) -> dict[int, int]:
    """Return the ids of certificates with a near hash, with the distance; nearest first."""
    values = {"hashes": list(hashes), "masks": MASKS, "limit": limit}
    return {row.id: row.distance for row in session.execute(_NEAR, values)}


def _pictures(session: Session, *conditions: ColumnElement[bool]) -> list[RegisteredPicture]:
    return [_picture(row) for row in _rows(session, *conditions)]


def _rows(session: Session, *conditions: ColumnElement[bool]) -> Sequence[AnyRow]:
    """Return the registered pictures that meet all conditions, oldest first."""
    return session.execute(
        select(
            Certificate.id.label("certificate_id"),
            Certificate.public_id,
            Certificate.issued_at,
            Certificate.status,
            Certificate.valid_to,
            Certificate.revoked_at,
            Certificate.perceptual_hash,
            Certificate.artist_id,
            Artist.artist_name,
            Certificate.style_id,
            Style.name.label("style_name"),
            Generation.id.label("generation_id"),
            Generation.is_public,
            Generation.is_flagged,
            Generation.image_key,
            Generation.preview_key,
            Generation.image_sha256,
            Generation.watermark_number,
        )
        .join(Generation, Generation.id == Certificate.generation_id)
        .join(Artist, Artist.user_id == Certificate.artist_id)
        .join(Style, Style.id == Certificate.style_id)
        .where(*conditions)
        .order_by(Certificate.generation_id)
    ).all()


def _picture(row: AnyRow) -> RegisteredPicture:
    return RegisteredPicture(
        generation_id=row.generation_id,
        public_id=row.public_id,
        artist=ArtistName(row.artist_id, row.artist_name),
        style=StyleName(row.style_id, row.style_name),
        issued_at=row.issued_at,
        status=status_of(row.status, row.valid_to),
        valid_to=row.valid_to,
        revoked_at=row.revoked_at,
        is_public=row.is_public and not row.is_flagged,
        image_key=row.image_key,
        preview_key=row.preview_key,
        image_sha256=row.image_sha256,
        perceptual_hash=row.perceptual_hash,
        watermark_number=row.watermark_number,
    )
