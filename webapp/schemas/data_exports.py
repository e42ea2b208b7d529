"""Answers about the copies of one's own data."""

from pydantic import Field

from webapp.domain.models.data_export import DataExportStatus
from webapp.schemas.fields import Answer, Count, Id, Time


class DataExportView(Answer):
    """A copy of one's data."""

    id: Id
    status: DataExportStatus
    size: int | None = Field(ge=0, examples=[120_000], description="in bytes, once it is ready")
    files_left_out: Count = Field(description="files beyond the limit of the archive")
    created_at: Time
    expires_at: Time = Field(description="when its file is deleted")
    next_at: Time = Field(description="when another copy may be made, unless this one failed")
    may_order: bool = Field(examples=[False], description="another one may be made now")
