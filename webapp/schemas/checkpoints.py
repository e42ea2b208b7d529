"""What an artist sees of a trained style's checkpoints, and says to put one on sale."""

from pydantic import Field

from webapp.domain.gains import Learned
from webapp.schemas.fields import (
    Answer,
    Body,
    Count,
    Url,
)


class Publication(Body):
    """POST /styles/:id/publish."""

    checkpoint: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="step of the one to sell; the last by default",
        examples=[300],
    )
    cover: int = Field(
        0, ge=0, le=100, description="index of the cover among its samples, from 0", examples=[0]
    )


class LearnedView(Answer):
    """What the numbers of a gain mean."""

    palette: Learned
    texture: Learned
    edges: Learned


class GainView(Answer):
    """How much was learned: shares of the way from the base model's pictures to the artworks.

    `edges` is the share of the artworks' high-frequency energy; 1 is equal.
    """

    palette: float = Field(examples=[0.8])
    texture: float = Field(examples=[0.5])
    edges: float = Field(examples=[0.3])
    learned: LearnedView
    is_low: bool = Field(description="look twice before you sell it", examples=[True])
    summary: str = Field(examples=["The palette is learned well. The lines are hardly learned."])


class KeptCheckpoint(Answer):
    """One of the last checkpoints of a training, with all samples drawn with it."""

    step: Count
    held_out_loss: float | None = Field(examples=[0.18])
    adapter_sha256: str = Field(examples=["0123456789abcdef" * 4])
    adapter_size: int = Field(ge=0, description="in bytes", examples=[1_048_576])
    samples: list[Url]
    gain: GainView | None = Field(description="null where it was not measured")
