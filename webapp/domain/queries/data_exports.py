"""Read the copies of a person's data: the newest one, and the URL of its file."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.data_export import DataExport, DataExportStatus
from webapp.domain.services import data_exports

URL_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class DataExportView:
    """A copy of a person's data.

    Attributes:
        expires_at: when its file is deleted.
        next_at: when another copy may be made, unless this one failed.
        may_order: another one may be made now.

    """

    id: int
    status: DataExportStatus
    size: int | None
    files_left_out: int
    created_at: datetime
    expires_at: datetime
    next_at: datetime
    may_order: bool


def newest(session: Session, user_id: int) -> DataExportView | None:
    """Return a person's newest copy that is not expired."""
    row = session.scalars(
        select(DataExport)
        .where(DataExport.user_id == user_id, _kept())
        .order_by(DataExport.created_at.desc(), DataExport.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return None
    next_at = row.created_at + data_exports.EVERY
    return DataExportView(
        id=row.id,
        status=row.status,
        size=row.archive_size,
        files_left_out=row.files_left_out,
        created_at=row.created_at,
        expires_at=row.created_at + data_exports.KEPT,
        next_at=next_at,
        may_order=row.status == DataExportStatus.FAILED
        or (row.status == DataExportStatus.READY and next_at <= datetime.now(UTC)),
    )


def file_url(session: Session, storage: Storage, *, user_id: int) -> str:
    """Return a short-lived URL of a person's newest finished copy. Raises NotFound."""
    row = session.execute(
        select(DataExport.archive_key, DataExport.created_at)
        .where(DataExport.user_id == user_id, DataExport.status == DataExportStatus.READY, _kept())
        .order_by(DataExport.created_at.desc(), DataExport.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NotFound(resource="data_export")
    name = f"style-license-data-{row.created_at:%Y-%m-%d}.zip"
    return storage.presigned_get(row.archive_key, expires_in=URL_LIFETIME, download_name=name)


def _kept() -> ColumnElement[bool]:
    return DataExport.created_at > func.clock_timestamp() - data_exports.KEPT
