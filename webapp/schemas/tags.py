"""Queries and answers about tags."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from webapp.schemas.fields import Answer, Count, Id, PageQuery, Tag, Time, as_seen


class TagListQuery(PageQuery):
    """GET /tags."""

    search: Annotated[str, Field(min_length=1, max_length=50), AfterValidator(as_seen)] | None = (
        None
    )


class TagCard(Answer):
    """One tag of a list."""

    id: Id
    name: Tag
    usage_count: Count


class TagView(TagCard):
    """GET /tags/:id."""

    style_count: Count
    created_at: Time


class KoreanWord(Answer):
    """A Korean word, and the tag that stands for it; blanks inside the word do not count."""

    korean: str = Field(examples=["항구"])
    tag: Tag


class RecommendedTag(Answer):
    """A tag to prompt a style with: from its latest images, or from what it was trained on."""

    name: Tag
    source: Literal["usage", "training"]
    score: float = Field(ge=0, le=1, examples=[0.9167])
