"""Queries and answers about search."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from webapp.domain.models.style import LicenseType
from webapp.domain.queries.found_filter import FoundFilter
from webapp.schemas.fields import Answer, Count, Id, Name, PageQuery, Price, Url, as_seen
from webapp.schemas.prices import PricesOfStyle
from webapp.schemas.styles import TagList


class SearchQuery(PageQuery):
    """GET /search."""

    q: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(as_seen)] = Field(
        examples=["harbor"]
    )
    type: Literal["all", "styles", "artists"] = "all"
    tags: TagList = Field(default=[], max_length=10, description="of styles, as the next three")
    artist_id: Id | None = None
    license_type: LicenseType | None = Field(None, description="that is sold")
    max_price: Price | None = Field(
        None,
        description="in tokens, of 512×512 pixels with license_type, or else with the cheaper one",
    )

    @property
    def filters(self) -> FoundFilter:
        """The filters of styles."""
        return FoundFilter(
            tags=tuple(self.tags),
            artist_id=self.artist_id,
            license_type=self.license_type,
            max_price=self.max_price,
        )


class ArtistOfFoundStyle(Answer):
    """Whose style was found."""

    id: Id
    artist_name: str = Field(examples=["J. Han"])


class FoundStyle(Answer):
    """A style, and where the text was found."""

    id: Id
    name: Name
    thumbnail_url: Url | None
    artist: ArtistOfFoundStyle
    price_tokens: Price = Field(description="the lowest, of 512×512 pixels")
    generation_cost_tokens: Price
    prices: PricesOfStyle
    usage_count: Count
    matched_by: Literal["name", "tag"]


class FoundArtist(Answer):
    """An artist, and where the text was found."""

    id: Id
    username: str = Field(examples=["han"])
    artist_name: str = Field(examples=["J. Han"])
    profile_image: Url | None
    follower_count: Count
    matched_by: Literal["artist_name", "username"]


class Found(Answer):
    """GET /search."""

    styles: list[FoundStyle]
    artists: list[FoundArtist]
    next_cursor: str | None = Field(examples=[None])
    has_more: bool = Field(examples=[False])
