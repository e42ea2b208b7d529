"""Queries about search."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from webapp.schemas.fields import PageQuery, without_markup


class SearchQuery(PageQuery):
    """GET /search."""

    q: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(without_markup)]
    type: Literal["all", "styles", "artists"] = "all"
