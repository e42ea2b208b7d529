"""Reports of GPUs outside the worker protocol, and the answers."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from webapp.schemas.fields import MAX_BIGINT, Answer, Body, Count, SeenText

ObjectName = Annotated[str, Field(max_length=200, examples=["outputs/job_7Kq2/0-01JH3Z.png"])]
Number = Annotated[int, Field(ge=0, le=MAX_BIGINT)]


class ReportedError(Body):
    """Why an attempt failed."""

    code: Annotated[SeenText, Field(min_length=1, max_length=40, examples=["GPU_OOM"])]
    message: Annotated[SeenText, Field(max_length=2000, examples=["The photo was too large."])] = ""


class ReportedInstance(Body):
    """One instance that was found; its box and area are measured on its mask."""

    concept: Annotated[SeenText, Field(min_length=1, max_length=60, examples=["Wall"])]
    mask_key: ObjectName
    score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, examples=[0.9])] = 1.0


class Callback(Body):
    """POST /sets/jobs/:id/callback."""

    kind: Literal["apply", "segment"] = "apply"
    idx: Annotated[int, Field(ge=0, le=199, examples=[0])]
    status: Literal["done", "failed"]
    attempt: Annotated[int, Field(ge=1, le=1000, examples=[1])] = 1
    output_key: ObjectName | None = None
    preview_key: ObjectName | None = None
    instances: Annotated[list[ReportedInstance], Field(max_length=60)] = Field(default_factory=list)
    error: ReportedError | Annotated[SeenText, Field(max_length=2000)] | None = None
    idempotency_key: Annotated[
        str, Field(min_length=1, max_length=200, examples=["job_7Kq2:0:attempt1"])
    ]

    @model_validator(mode="after")
    def _names_its_result(self) -> Self:
        if self.kind == "apply" and self.status == "done" and self.output_key is None:
            raise ValueError("An edited photo needs its output_key.")
        return self


class CallbackProgress(Answer):
    """How many photos of the job have ended how."""

    done: Count
    failed: Count
    total: Count


class CallbackTaken(Answer):
    """What a callback is answered."""

    applied: bool = Field(examples=[True])
    status: str = Field(examples=["running"], description="of the job")
    progress: CallbackProgress
    reason: Literal["duplicate", "stale_attempt", "terminal"] = Field(
        "duplicate", description="only where nothing was applied"
    )
