"""Views of the pages of styles: how many on each day, and nothing about who looked."""

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base


class StyleView(Base):
    """The views of one style on one date of the market."""

    __tablename__ = "style_views"
    __table_args__ = (
        CheckConstraint("views > 0", name="views"),
        Index("ix_style_views_day", "day"),
    )

    style_id: Mapped[int] = mapped_column(
        ForeignKey("styles.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True, comment="in the market's time zone")
    views: Mapped[int]
