"""The worker protocol: the messages themselves, which the workers share."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from tasks import messages
from webapp.schemas.fields import MAX_BIGINT, Answer, Body

RowId = Annotated[int, Field(ge=0, le=MAX_BIGINT)]


class Claim(messages.Claim):
    """POST /webhooks/claim."""

    job_id: RowId | None = None
    batch_of: RowId | None = None


class LoadedBaseModel(messages.LoadedBaseModel):
    """POST /webhooks/base-models."""


class _Named:
    """Every report names its fence, or else its attempt."""

    @model_validator(mode="after")
    def _is_named(self: Any) -> Any:
        if self.fence is None and self.attempt is None:
            raise ValueError("Either attempt or fence is needed.")
        return self


class TrainProgress(_Named, messages.TrainProgress):
    """PATCH /webhooks/training/progress."""

    style_id: RowId


class TrainResult(_Named, messages.TrainResult):
    """POST /webhooks/training/complete."""

    style_id: RowId


class TrainFailure(_Named, messages.TrainFailure):
    """POST /webhooks/training/failed."""

    style_id: RowId


class SegmentProgress(_Named, messages.SegmentProgress):
    """PATCH /webhooks/segmentation/progress."""

    segmentation_id: RowId


class SegmentResult(_Named, messages.SegmentResult):
    """POST /webhooks/segmentation/complete."""

    segmentation_id: RowId


class SegmentFailure(_Named, messages.SegmentFailure):
    """POST /webhooks/segmentation/failed."""

    segmentation_id: RowId


class RenderProgress(_Named, messages.RenderProgress):
    """PATCH /webhooks/inference/progress."""

    generation_id: RowId


class RenderResult(_Named, messages.RenderResult):
    """POST /webhooks/inference/complete."""

    generation_id: RowId


class RenderFailure(_Named, messages.RenderFailure):
    """POST /webhooks/inference/failed."""

    generation_id: RowId


class ClaimedJobs(Answer):
    """POST /webhooks/claim."""

    jobs: list[messages.AnyClaimedJob]


class ReportTaken(Answer):
    """What any report is answered."""

    applied: bool = Field(examples=[True])
    status: str = Field(examples=["processing"])
    reason: Literal["duplicate", "stale_attempt", "terminal"] = Field(
        "duplicate", description="only where nothing was applied"
    )
    cancel_requested: bool = Field(examples=[False])


class _AliasReport(Body):
    """A report whose id is in the path; its other fields are those of the canonical report."""

    model_config = ConfigDict(extra="allow")

    attempt: int | None = Field(None, ge=1, le=4, description="the current one by default")
    fence: int | None = Field(None, ge=1)


class TrainingStatusReport(_AliasReport):
    """PATCH /models/:id/status: progress, a result or a failure, as `status` says."""

    status: Literal["failed", "training", "completed"]
    error_code: str | None = Field(None, max_length=40, examples=["GPU_OOM"])


class TrainingProgressReport(_AliasReport):
    """PATCH /styles/:id."""

    progress: messages.TrainProgressBody


class RenderingStatusReport(_AliasReport):
    """PATCH /images/:id/status: progress, a result or a failure, as `status` says."""

    status: Literal["failed", "processing", "completed"]
    error_code: str | None = Field(None, max_length=40, examples=["GPU_OOM"])


class RenderingProgressReport(_AliasReport):
    """PATCH /generations/:id by a worker."""

    progress: messages.RenderProgressBody
