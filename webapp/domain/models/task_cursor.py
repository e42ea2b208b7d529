"""Cursors of tasks that go through a whole table or storage in pieces, over several runs."""

from sqlalchemy import String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt
from webapp.domain.models.documents import PassPosition


class TaskCursor(Base):
    """Where the current pass of a task is, or the last one that was complete."""

    __tablename__ = "task_cursors"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    position: Mapped[PassPosition] = mapped_column(JSONB)
    begun_at: Mapped[CreatedAt]
