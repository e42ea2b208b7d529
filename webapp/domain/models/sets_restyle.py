"""Regions of photos painted in a licensed style: each is a Generation, paid with tokens."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, JsonNumbers, ObjectKey, Sha256


class SetsRestyle(Base):
    """The canvas of one concept of one photo: the renderer's input and the ordered image.

    `frame` is the position of the canvas in the upright photo: left, top, width and height, or the
    maps of the planes in which it lies (`gpu.rules.restyle_planes`). The painted image is stored
    unsigned until the photo is done.
    """

    __tablename__ = "sets_restyles"
    __table_args__ = (
        UniqueConstraint("generation_id"),
        UniqueConstraint("edit_id", "instance_id"),
        CheckConstraint("change > 0 AND change <= 1", name="change"),
        Index("ix_sets_restyles_edit", "edit_id"),
    )

    id: Mapped[Id]
    edit_id: Mapped[int] = mapped_column(ForeignKey("sets_edits.id"))
    instance_id: Mapped[int] = mapped_column(ForeignKey("sets_instances.id"))
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"))
    concept: Mapped[str] = mapped_column(String(60))
    picture_key: Mapped[ObjectKey]
    mask_key: Mapped[ObjectKey]
    painted_key: Mapped[ObjectKey | None] = mapped_column(comment="unsigned; shown to nobody")
    painted_sha256: Mapped[Sha256 | None]
    canvas_sha256: Mapped[Sha256] = mapped_column(comment="of picture and mask: the same canvas")
    change: Mapped[float]
    frame: Mapped[JsonNumbers] = mapped_column("box")
    photo_sha256: Mapped[Sha256] = mapped_column(comment="the certificate names the photo by it")
    created_at: Mapped[CreatedAt]
