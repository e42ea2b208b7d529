"""Try-outs: free private pictures of a trained style, for its artist."""

from typing import Literal

from pydantic import Field

from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.schemas.fields import (
    Answer,
    Count,
    Id,
    Percent,
    Time,
    Url,
    Word,
)
from webapp.schemas.prompts import Prompt


class TryOutRequest(Prompt):
    """POST /styles/:id/try-outs."""

    checkpoint: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="step of the one to draw with; the last by default",
        examples=[300],
    )


class TryOutProgress(Answer):
    """The progress of the rendering of a try-out."""

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
