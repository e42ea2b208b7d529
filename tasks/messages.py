"""The worker protocol's messages: frozen shapes that the site and the GPU workers share."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["0123456789abcdef" * 4])]
Key = Annotated[str, Field(examples=["raw/500/7-01JH3Z6V9C.png"])]
Cause = Annotated[str, Field(max_length=40, examples=["GPU_OOM"])]
Kind = Literal["training", "generation", "segmentation"]


class Message(BaseModel):
    """Base of all messages: frozen, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Claim(Message):
    """A worker asks for work."""

    worker: str = Field(min_length=1, max_length=100, examples=["gpu-1"])
    kinds: list[Kind] = Field(min_length=1, max_length=3)
    max: int = Field(1, ge=1, le=16)
    job_id: int | None = Field(None, description="the job that the bell named")
    base_model: str | None = Field(
        None, max_length=200, description="the only base model this worker has loaded"
    )
    base_model_sha256: Sha256 | None = Field(None, description="of the weights of that base model")
    batch_of: int | None = Field(
        None, description="a job claimed before: only what may share its batch"
    )


class LoadedBaseModel(Message):
    """A renderer says which weights it has loaded."""

    name: str = Field(min_length=1, max_length=200, examples=["built-in"])
    sha256: Sha256


class UploadUrl(Message):
    """Where a worker may put one object."""

    key: Key
    method: str = Field(examples=["PUT"])
    url: str = Field(examples=["https://files.example/one.png"])
    headers: dict[str, str] = {}


class Work(Message):
    """One training image, named as in `download`."""

    name: str
    tags: list[str]


class TrainJob(Message):
    """All that a training needs."""

    style_id: int
    training_run_id: int
    base_model: str
    trigger: str
    seed: int
    sample_count: int = Field(4, ge=1, le=16, description="drawn at every checkpoint")
    kept_checkpoints: int = Field(3, ge=1, description="only the last ones are kept")
    slice_seconds: float
    works: list[Work]
    least_works: int = Field(2, ge=2, description="fewer usable ones fail the training")
    metadata: dict[str, str] = {}
    request_id: str = Field("", description="of the request that asked for it, for the logs")


class RenderJob(Message):
    """All that one image needs. Sizes in pixels.

    With `change`, a part of a picture is repainted: the downloads `picture`, PNG or JPEG of this
    size, and `mask`, PNG of one bit a pixel, are in the claimed job.
    """

    generation_id: int
    base_model: str
    adapter_sha256: Sha256
    trigger: str
    prompt_tags: list[str]
    negative_tags: list[str]
    width: int
    height: int
    seed: int
    style_strength: float
    change: float | None = Field(None, gt=0, le=1, description="how much of a picture is repainted")
    request_id: str = Field("", description="of the request that asked for it, for the logs")


class WantedConcept(Message):
    """A part of a scene to look for; `prompt` is its description in English."""

    name: str = Field(max_length=60, examples=["Wall"])
    prompt: str = Field(max_length=200, examples=["painted or papered wall"])
    is_many: bool = False


class SegmentJob(Message):
    """All that a search in one photo needs. Sizes in pixels of the photo as it is downloaded."""

    segmentation_id: int
    width: int
    height: int
    concepts: list[WantedConcept]
    request_id: str = Field("", description="of the request that asked for it, for the logs")


class ClaimedJob(Message):
    """One leased job: a frozen payload under a fence, and short-lived URLs."""

    job_id: int
    kind: Kind
    fence: int
    attempt: int
    lease_seconds: int
    payload: dict[str, Any] = Field(examples=[{"generation_id": 500, "seed": 42}])
    download: dict[str, str] = Field(examples=[{"adapter": "https://files.example/adapter"}])
    upload: dict[str, UploadUrl]


class Report(Message):
    """Base of what a worker reports: under its fence, or by attempt without one."""

    attempt: int | None = Field(None, ge=1, le=4)
    fence: int | None = Field(None, ge=1)


class RenderProgressBody(Message):
    """Where a rendering stands."""

    current_step: int = Field(ge=0)
    total_steps: int = Field(ge=1)
    progress_percent: int = Field(ge=0, le=100)
    estimated_seconds: int | None = Field(None, ge=0)


class TrainProgressBody(Message):
    """Where a training stands."""

    current_epoch: int = Field(ge=0)
    total_epochs: int = Field(ge=1)
    progress_percent: int = Field(ge=0, le=100)
    estimated_seconds: int | None = Field(None, ge=0)


class UnusableWork(Message):
    """A training image that was left out, named as in `download`, and the code of why."""

    name: str = Field(max_length=40, examples=["work-003"])
    code: str = Field(max_length=40, examples=["IMAGE_BLANK"])


class LossPoint(Message):
    """Real losses at one step; `held_out_loss` only where it was measured."""

    step: int
    loss: float
    held_out_loss: float | None = None


class Gain(Message):
    """How much was learned: shares of the way from the base model's pictures to the works.

    `edges` is the share of the works' high-frequency energy, 1 is equal.
    """

    palette: float = Field(allow_inf_nan=False, examples=[0.8])
    texture: float = Field(allow_inf_nan=False, examples=[0.5])
    edges: float = Field(allow_inf_nan=False, examples=[0.4])


class MadeCheckpoint(Message):
    """The style as it is at one step: a file that can be sold, and all samples drawn with it."""

    step: int = Field(ge=1, le=1_000_000, examples=[250])
    style_key: Key
    style_sha256: Sha256
    sample_keys: list[Key] = Field(min_length=1, max_length=16)
    held_out_loss: float | None = Field(None, allow_inf_nan=False, examples=[0.18])
    gain: Gain | None = None


class RenderProgress(Report):
    """Progress of one generation."""

    generation_id: int
    progress: RenderProgressBody


class TrainProgress(Report):
    """Progress of one training, with what it has produced since the last report."""

    style_id: int
    progress: TrainProgressBody
    loss_points: list[LossPoint] = []
    sample_keys: list[str] = Field(default=[], max_length=60)
    checkpoint_key: str | None = None
    unusable_works: list[UnusableWork] = Field(default=[], max_length=100)
    checkpoint: MadeCheckpoint | None = None
    slice_ended: bool = False


class SegmentProgress(Report):
    """A search in a photo goes on; the report renews its lease."""

    segmentation_id: int


class RenderResult(Report):
    """A finished raw image in private storage."""

    generation_id: int
    result_key: Key
    sha256: Sha256
    seed: int
    width: int
    height: int
    adapter_sha256: Sha256
    metadata: dict[str, Any] = {}


class TrainResult(Report):
    """A finished adapter in private storage."""

    style_id: int
    model_path: Key
    adapter_sha256: Sha256
    base_model_sha256: Sha256 | None = None
    training_metric: dict[str, float] = {}
    sample_keys: list[str] = Field(default=[], max_length=60)


class MadeMask(Message):
    """One thing that was found: a PNG of one bit per pixel, in the photo's size."""

    concept: str = Field(max_length=60, examples=["Wall"])
    mask_key: Key
    score: float = Field(ge=0, le=1, allow_inf_nan=False, examples=[0.9])


class SegmentResult(Report):
    """What was found in one photo, and by which segmenter."""

    segmentation_id: int
    segmenter: str = Field(min_length=1, max_length=30, examples=["classic"])
    version: str = Field(min_length=1, max_length=30, examples=["1"])
    masks: list[MadeMask] = Field(max_length=60)


class RenderFailure(Report):
    """An attempt that failed, with its cause."""

    generation_id: int
    error_code: Cause
    error_message: str = Field("", max_length=2000)


class TrainFailure(Report):
    """An attempt that failed, with its cause and the works that could not be used."""

    style_id: int
    error_code: Cause
    error_message: str = Field("", max_length=2000)
    unusable_works: list[UnusableWork] = Field(default=[], max_length=100)


class SegmentFailure(Report):
    """An attempt that failed, with its cause."""

    segmentation_id: int
    error_code: Cause
    error_message: str = Field("", max_length=2000)


class Answer(Message):
    """What the site answers to a report."""

    applied: bool
    status: str
    reason: str | None = None
    cancel_requested: bool = False
