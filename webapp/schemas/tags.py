"""Queries about tags."""

from typing import Annotated

from pydantic import AfterValidator, Field

from webapp.schemas.fields import PageQuery, without_markup


class TagListQuery(PageQuery):
    """GET /tags."""

    search: (
        Annotated[str, Field(min_length=1, max_length=50), AfterValidator(without_markup)] | None
    ) = None
