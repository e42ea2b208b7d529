"""Bodies of the worker protocol: the messages themselves, which the workers share."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from tasks import messages
from webapp.schemas.fields import MAX_BIGINT

RowId = Annotated[int, Field(ge=0, le=MAX_BIGINT)]


class Claim(messages.Claim):
    """POST /webhooks/claim."""

    job_id: RowId | None = None
    batch_of: RowId | None = None


class _Named:
    """Every report names its fence, or else its attempt."""

    @model_validator(mode="after")
    def _is_named(self: Any) -> Any:
        if self.fence is None and self.attempt is None:
            raise ValueError("attempt or fence is needed")
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


class RenderProgress(_Named, messages.RenderProgress):
    """PATCH /webhooks/inference/progress."""

    generation_id: RowId


class RenderResult(_Named, messages.RenderResult):
    """POST /webhooks/inference/complete."""

    generation_id: RowId


class RenderFailure(_Named, messages.RenderFailure):
    """POST /webhooks/inference/failed."""

    generation_id: RowId
