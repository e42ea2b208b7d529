"""Queries and answers about search."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from webapp.schemas.fields import Answer, Count, Id, Name, PageQuery, Price, Url, as_seen


class SearchQuery(PageQuery):
    """GET /search."""

    q: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(as_seen)] = Field(
        examples=["harbor"]
    )
    type: Literal["all", "styles", "artists"] = "all"


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
    price_tokens: Price
    generation_cost_tokens: Price
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
