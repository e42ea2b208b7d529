"""Try-outs: free private pictures of a trained style, for its artist."""

from typing import Literal

from pydantic import Field

from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.schemas.fields import (
    Answer,
    Body,
    Count,
    Id,
    Percent,
    Tag,
    Time,
    Url,
    Word,
)


class TryOutRequest(Body):
    """POST /styles/:id/try-outs."""

    checkpoint: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="step of the one to draw with; the last by default",
        examples=[300],
    )
    prompt_tags: list[Tag] = Field(min_length=1, max_length=200, examples=[["harbor", "boat"]])
    negative_tags: list[Tag] = Field(default=[], max_length=200)
    aspect_ratio: AspectRatio = AspectRatio.SQUARE
    seed: int | None = Field(None, ge=0, le=4_294_967_295)
    style_strength: float = Field(1.0, ge=0, le=1.5, allow_inf_nan=False)
    count: int = Field(1, ge=1, le=4)


class TryOutProgress(Answer):
    """Where the rendering of a try-out stands."""

    current_step: Count
    total_steps: Count
    progress_percent: Percent
    estimated_seconds: Count | None = None
    last_updated: Time


class TryOutFailed(Answer):
    """Why there is no try-out; it was not counted."""

    code: Literal["GENERATION_FAILED"]
    cause: str | None = Field(examples=["GPU_OOM"])
    message: str | None = Field(examples=["The graphics card ran out of memory."])


class TryOutView(Answer):
    """A free private picture of the artist; also at GET /generations/:id."""

    id: Id
    checkpoint: Count = Field(description="the step of the checkpoint it is drawn with")
    status: GenerationStatus
    progress: TryOutProgress | None
    prompt_tags: list[Word]
    negative_tags: list[Word]
    aspect_ratio: AspectRatio
    width: Literal[512, 1024]
    height: Literal[512, 1024]
    seed: Count
    style_strength: float = Field(ge=0, le=1.5, examples=[1.0])
    result_url: Url | None
    preview_url: Url | None
    thumbnail_url: Url | None
    failure: TryOutFailed | None
    created_at: Time


class TryOuts(Answer):
    """POST /styles/:id/try-outs: all of the style, the newest first."""

    style_id: Id
    try_outs: list[TryOutView]
    try_outs_left: Count = Field(description="of this training", examples=[7])
