"""What decides the pictures of a request, of buyers and of artists who try a style."""

from pydantic import Field

from webapp.domain.models.generation import AspectRatio
from webapp.schemas.fields import Body, Tag


class Prompt(Body):
    """What to draw, and how many pictures of it."""

    prompt_tags: list[Tag] = Field(min_length=1, max_length=200, examples=[["harbor", "boat"]])
    negative_tags: list[Tag] = Field(default=[], max_length=200)
    aspect_ratio: AspectRatio = AspectRatio.SQUARE
    seed: int | None = Field(None, ge=0, le=4_294_967_295)
    style_strength: float = Field(1.0, ge=0, le=1.5, allow_inf_nan=False)
    count: int = Field(1, ge=1, le=4)
