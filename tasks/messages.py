"""Messages of the worker protocol, shared by the API and the GPU workers."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["0123456789abcdef" * 4])]
Key = Annotated[str, Field(examples=["raw/500/7-01JH3Z6V9C.png"])]
BaseModelName = Annotated[str, Field(examples=["built-in"])]
Trigger = Annotated[str, Field(examples=["style-7"])]
Tag = Annotated[str, Field(examples=["boat"])]
Cause = Annotated[str, Field(max_length=40, examples=["GPU_OOM"])]
Kind = Literal["training", "generation", "segmentation"]


class Message(BaseModel):
    """Base of all messages: frozen, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Claim(Message):
    """A worker claims jobs."""

    worker: str = Field(min_length=1, max_length=100, examples=["gpu-1"])
    kinds: list[Kind] = Field(min_length=1, max_length=3)
    max: int = Field(1, ge=1, le=16)
    job_id: int | None = Field(None, description="the job of the queue message")
    base_model: str | None = Field(
        None, max_length=200, description="the only base model this worker has loaded"
    )
    base_model_sha256: Sha256 | None = Field(None, description="of the weights of that base model")
    batch_of: int | None = Field(None, description="a job claimed before: only jobs of its batch")


class LoadedBaseModel(Message):
    """The weights that a renderer has loaded."""

    name: str = Field(min_length=1, max_length=200, examples=["built-in"])
    sha256: Sha256


class UploadUrl(Message):
    """Where a worker may upload one object."""

    key: Key
    method: str = Field(examples=["PUT"])
    url: str = Field(examples=["https://files.example/one.png"])
    headers: dict[str, str] = {}


class Work(Message):
    """One training image, named as in `download`."""

    name: str = Field(examples=["work-003"])
    tags: list[Tag]


class TrainJob(Message):
    """Input of a training."""

    style_id: int
    training_run_id: int
    base_model: BaseModelName
    trigger: Trigger
    seed: int
    sample_count: int = Field(4, ge=1, le=16, description="rendered at every checkpoint")
    kept_checkpoints: int = Field(3, ge=1, description="only the last ones are retained")
    slice_seconds: float
    works: list[Work]
    least_works: int = Field(2, ge=2, description="fewer usable ones fail the training")
    metadata: dict[str, str] = {}
    request_id: str = Field("", description="of the request that created the job, for the logs")


class RenderJob(Message):
    """Input of one image. Sizes in pixels.

    With `change`, a part of a picture is repainted: the downloads `picture`, PNG or JPEG of this
    size, and `mask`, PNG of one bit a pixel, are in the claimed job.
    """

    generation_id: int
    base_model: BaseModelName
    adapter_sha256: Sha256
    trigger: Trigger
    prompt_tags: list[Tag]
    negative_tags: list[Tag]
    width: int
    height: int
    seed: int
    style_strength: float
    change: float | None = Field(None, gt=0, le=1, description="how much of a picture is repainted")
    request_id: str = Field("", description="of the request that created the job, for the logs")


class WantedConcept(Message):
    """A part of a scene to find; `prompt` is its description in English."""

    name: str = Field(max_length=60, examples=["Wall"])
    prompt: str = Field(max_length=200, examples=["painted or papered wall"])
    is_many: bool = False


class SegmentJob(Message):
    """Input of a segmentation. Sizes in pixels of the downloaded photo."""

    segmentation_id: int
    width: int
    height: int
    concepts: list[WantedConcept]
    request_id: str = Field("", description="of the request that created the job, for the logs")


class ClaimedJob(Message):
    """One leased job: its fence, its payload and short-lived URLs."""

    job_id: int
    kind: Kind
    fence: int
    attempt: int
    lease_seconds: int
    payload: TrainJob | RenderJob | SegmentJob
    download: dict[str, str] = Field(examples=[{"adapter": "https://files.example/adapter"}])
    upload: dict[str, UploadUrl]


class ClaimedTraining(ClaimedJob):
    """A leased training."""

    kind: Literal["training"]
    payload: TrainJob


class ClaimedGeneration(ClaimedJob):
    """A leased generation."""

    kind: Literal["generation"]
    payload: RenderJob


class ClaimedSegmentation(ClaimedJob):
    """A leased segmentation."""

    kind: Literal["segmentation"]
    payload: SegmentJob


# `kind` tells them apart; a worker reads only the type of its own kind.
AnyClaimedJob = ClaimedGeneration | ClaimedTraining | ClaimedSegmentation


class Report(Message):
    """Base of the reports of a worker: with its fence, or else with the attempt."""

    attempt: int | None = Field(None, ge=1, le=4)
    fence: int | None = Field(None, ge=1)


class RenderProgressBody(Message):
    """Progress of a rendering."""

    current_step: int = Field(ge=0)
    total_steps: int = Field(ge=1)
    progress_percent: int = Field(ge=0, le=100)
    estimated_seconds: int | None = Field(None, ge=0)


class TrainProgressBody(Message):
    """Progress of a training."""

    current_epoch: int = Field(ge=0)
    total_epochs: int = Field(ge=1)
    progress_percent: int = Field(ge=0, le=100)
    estimated_seconds: int | None = Field(None, ge=0)


class UnusableWork(Message):
    """A training image that was left out, named as in `download`, and the code of the reason."""

    name: str = Field(max_length=40, examples=["work-003"])
    code: str = Field(max_length=40, examples=["IMAGE_BLANK"])


class LossPoint(Message):
    """Losses at one step; `held_out_loss` only where it was measured."""

    step: int
    loss: float
    held_out_loss: float | None = None


class Gain(Message):
    """Progress from the pictures of the base model (0) to the artworks (1).

    `edges` is the share of the high-frequency energy of the artworks.
    """

    palette: float = Field(allow_inf_nan=False, examples=[0.8])
    texture: float = Field(allow_inf_nan=False, examples=[0.5])
    edges: float = Field(allow_inf_nan=False, examples=[0.4])


class MadeCheckpoint(Message):
    """A checkpoint that can be sold: the style file and the samples rendered with it."""

    step: int = Field(ge=1, le=1_000_000, examples=[250])
    style_key: Key
    style_sha256: Sha256
    sample_keys: list[Key] = Field(min_length=1, max_length=16)
    base_sample_keys: list[Key] = Field(
        [], max_length=16, description="the same prompts and seeds without the style"
    )
    held_out_loss: float | None = Field(None, allow_inf_nan=False, examples=[0.18])
    gain: Gain | None = None


class RenderProgress(Report):
    """Progress of one generation."""

    generation_id: int
    progress: RenderProgressBody


class TrainProgress(Report):
    """Progress of one training, with its files and losses since the last report."""

    style_id: int
    progress: TrainProgressBody
    loss_points: list[LossPoint] = []
    sample_keys: list[str] = Field(default=[], max_length=60)
    checkpoint_key: str | None = None
    unusable_works: list[UnusableWork] = Field(default=[], max_length=100)
    checkpoint: MadeCheckpoint | None = None
    slice_ended: bool = False


class SegmentProgress(Report):
    """A segmentation is running; the report renews its lease."""

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
    metadata: dict[str, Any] = {}  # any JSON of the worker; not stored


class TrainResult(Report):
    """A finished adapter in private storage."""

    style_id: int
    model_path: Key
    adapter_sha256: Sha256
    base_model_sha256: Sha256 | None = None
    training_metric: dict[str, float] = {}
    sample_keys: list[str] = Field(default=[], max_length=60)


class MadeMask(Message):
    """Mask of one instance: a PNG of one bit per pixel, in the size of the photo."""

    concept: str = Field(max_length=60, examples=["Wall"])
    mask_key: Key
    score: float = Field(ge=0, le=1, allow_inf_nan=False, examples=[0.9])


class SegmentResult(Report):
    """The masks of one photo and the segmenter that made them."""

    segmentation_id: int
    segmenter: str = Field(min_length=1, max_length=30, examples=["classic"])
    version: str = Field(min_length=1, max_length=30, examples=["1"])
    masks: list[MadeMask] = Field(max_length=60)


class RenderFailure(Report):
    """A failed attempt and its cause."""

    generation_id: int
    error_code: Cause
    error_message: str = Field("", max_length=2000)


class TrainFailure(Report):
    """A failed attempt, its cause and the unusable artworks."""

    style_id: int
    error_code: Cause
    error_message: str = Field("", max_length=2000)
    unusable_works: list[UnusableWork] = Field(default=[], max_length=100)


class SegmentFailure(Report):
    """A failed attempt and its cause."""

    segmentation_id: int
    error_code: Cause
    error_message: str = Field("", max_length=2000)


class Answer(Message):
    """Answer to a report."""

    applied: bool
    status: str
    reason: str | None = None
    cancel_requested: bool = False
