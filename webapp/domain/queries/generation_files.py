"""The file of a picture: full for its licensee, artist and administrators, else the preview."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.errors import GenerationNotFound, GenerationStillProcessing, NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.queries.generation_views import FINAL
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import generations

VARIANTS = {"full": "image_key", "preview": "preview_key", "thumb": "thumbnail_key"}


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


def _download_name(generation_id: int, key: str | None, *, download: bool) -> str | None:
    extension = (key or "").rpartition(".")[2]
    return f"style-license-{generation_id}.{extension}" if download else None
