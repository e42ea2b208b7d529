"""Duplicate orders: images that a buyer has or has ordered, with the same pixels as a new order.

Style, adapter, tags, aspect ratio, strength and seed determine every pixel. Failed and canceled
images were refunded, so they do not count. Nor do those with a personal licence if a commercial one
is ordered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import DuplicatePicture
from webapp.domain.models.generation import AspectRatio, Generation, GenerationStatus, Order
from webapp.domain.models.style import LicenseType, Style
from webapp.domain.services import sets_canvases

NOT_DELIVERED = (GenerationStatus.FAILED, GenerationStatus.CANCELED)

DETERMINING = (
    "style_id",
    "adapter_sha256",
    "prompt_tags",
    "negative_tags",
    "aspect_ratio",
    "style_strength",
    "seed",
)


@dataclass(frozen=True)
class Picture:
    """The parameters of an image apart from style and seed; tags are normalised.

    An image with a personal licence only is not the same as one with a commercial licence.
    """

    prompt_tags: list[str]
    negative_tags: list[str]
    aspect_ratio: AspectRatio
    style_strength: float
    license_type: LicenseType = LicenseType.PERSONAL


def same_pixels(first: type[Generation], second: type[Generation]) -> list[ColumnElement[bool]]:
    """Return the conditions that two generations, other than canvases, have the same pixels."""
    return [getattr(first, name) == getattr(second, name) for name in DETERMINING]


def owned(
    session: Session, *, user_id: int, style: Style, picture: Picture, seeds: Sequence[int]
) -> dict[int, int]:
    """Return the id of the buyer's oldest image with these parameters, by seed.

    The caller locks the buyer's account first, so that a concurrent order of the same buyer is
    visible.
    """
    statement = select(Generation.seed, Generation.id)
    if picture.license_type == LicenseType.COMMERCIAL:
        kind = func.coalesce(Order.license_type, style.license_type)
        statement = statement.join(Order, Order.id == Generation.order_id).where(
            kind != LicenseType.PERSONAL
        )
    rows = session.execute(
        statement.where(
            Generation.user_id == user_id,
            Generation.style_id == style.id,
            Generation.seed.in_(seeds),
            Generation.prompt_tags == picture.prompt_tags,
            Generation.negative_tags == picture.negative_tags,
            Generation.aspect_ratio == picture.aspect_ratio,
            Generation.style_strength == picture.style_strength,
            Generation.adapter_sha256 == style.adapter_sha256,
            Generation.status.not_in(NOT_DELIVERED),
            Generation.deleted_at.is_(None),
            ~Generation.is_try_out,  # free and never public: not the same product
            ~sets_canvases.of_photo(),  # their pixels also depend on a photo
        )
    ).all()
    return {row.seed: row.id for row in sorted(rows, key=lambda row: row.id, reverse=True)}


def refuse(
    session: Session, *, user_id: int, style: Style, picture: Picture, seeds: Sequence[int]
) -> None:
    """Raise DuplicatePicture if the buyer already has one of these pictures."""
    id_by_seed = owned(session, user_id=user_id, style=style, picture=picture, seeds=seeds)
    if id_by_seed:
        ids = [id_by_seed[seed] for seed in seeds if seed in id_by_seed]
        raise DuplicatePicture(generation_id=ids[0], generation_ids=ids)
