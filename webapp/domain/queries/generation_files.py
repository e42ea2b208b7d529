"""The file of a picture: full for its licensee, artist and administrators, else the preview."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.errors import GenerationNotFound, GenerationStillProcessing, NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.style import Style
from webapp.domain.queries.generation_views import FINAL
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import generations

VARIANTS = {"full": "image_key", "preview": "preview_key", "thumb": "thumbnail_key"}


@dataclass(frozen=True, slots=True)
class PictureFile:
    """The full file of a picture: how it is called, where it is stored, and its certificate."""

    name: str
    key: str
    license_public_id: str


def image_url(
    session: Session,
    storage: Storage,
    *,
    generation_id: int,
    viewer: Viewer,
    variant: str,
    download: bool,
) -> str:
    """Return a short-lived URL of the signed picture or of a smaller copy.

    Viewers who may not have the full file get the preview instead.
    Raises GenerationNotFound, GenerationStillProcessing, or NotFound after a failure.
    """
    row = session.execute(
        select(*Generation.__table__.columns, Style.artist_id)
        .join(Style, Style.id == Generation.style_id)
        .where(Generation.id == generation_id)
    ).one_or_none()
    if row is None or not generations.may_see(viewer, row):
        raise GenerationNotFound(id=generation_id)
    if row.status not in FINAL:
        raise GenerationStillProcessing(generation_ids=[generation_id])
    may_have_file = generations.may_have_file(viewer, owner_id=row.user_id, artist_id=row.artist_id)
    if variant == "full" and not may_have_file:
        variant = "preview"
    key = row._mapping[VARIANTS[variant]]  # noqa: SLF001 - the public mapping of a Row
    url = signed_url(
        storage, key, download_name=_download_name(generation_id, key, download=download)
    )
    if url is None:
        raise NotFound(resource="image")
    return url


def own_files(
    session: Session, *, user_id: int, generation_ids: Sequence[int]
) -> list[PictureFile]:
    """Return the full files of several own pictures, the newest first.

    Raises GenerationNotFound for a picture that is not one's own, and for one without a file.
    """
    rows = session.execute(
        select(Generation.id, Generation.image_key, Generation.license_public_id)
        .where(
            Generation.id.in_(generation_ids),
            Generation.user_id == user_id,
            Generation.status == GenerationStatus.COMPLETED,
            Generation.deleted_at.is_(None),
        )
        .order_by(Generation.id.desc())
    ).all()
    missing = set(generation_ids) - {row.id for row in rows}
    if missing:
        raise GenerationNotFound(id=min(missing))
    return [
        PictureFile(_file_name(row.id, row.image_key), row.image_key, row.license_public_id)
        for row in rows
    ]


def _download_name(generation_id: int, key: str | None, *, download: bool) -> str | None:
    return _file_name(generation_id, key) if download else None


def _file_name(generation_id: int, key: str | None) -> str:
    extension = (key or "").rpartition(".")[2]
    return f"style-license-{generation_id}.{extension}"
