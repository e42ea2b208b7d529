"""Deep searches: the one part of a verification that is a job, and so the only one with a row.

The quick layers answer within the request, and nothing of them is stored. A deep search is a job
like all others, because only rows are published, and a row tells the page how it stands. The row
has no picture, no hash of it and no address: the picture waits in Redis for less than a minute,
encrypted with the key of this row, so that no copy of Redis on a disk shows it. The key is removed
when the search ends, and the row is deleted some minutes later.
"""

from typing import Any

from sqlalchemy import LargeBinary, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id


class DeepSearch(Base):
    """One search; its state is that of its job."""

    __tablename__ = "deep_searches"
    __table_args__ = (UniqueConstraint("public_id"),)

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(40))
    picture_key: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="decrypts the picture in Redis; removed at the end"
    )
    report: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="queries.verifications.Report, once it is done"
    )
    failure_cause: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[CreatedAt]
