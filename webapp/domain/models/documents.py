"""JSON documents: the types of the values in JSONB columns.

Each document has its type here, so a reader of a row knows its fields. A new field is added as
NotRequired, because rows that were written before lack it.
"""

from typing import NotRequired, TypedDict

from pydantic import JsonValue

# Changed columns of any kind of row, by their name.
AuditValues = dict[str, str | int | bool | None]
# A flat map of few short values, different for each type of notification.
NotificationDetails = dict[str, str | int | float | bool | None]


class Progress(TypedDict, total=False):
    """How far a training (epochs) or a rendering (steps) is."""

    progress_percent: int
    current_epoch: int
    total_epochs: int
    current_step: int
    total_steps: int
    estimated_seconds: int | None
    last_updated: str


class LossPoint(TypedDict):
    """The losses at one training step; `sample_keys` are the pictures that were rendered at it."""

    step: int
    loss: float
    held_out_loss: NotRequired[float]
    sample_keys: NotRequired[list[str]]


class PaymentFailure(TypedDict):
    """Why a purchase failed: the code and message of the payment provider, or our own."""

    code: str
    message: str


class Setting(TypedDict):
    """What a rule of Sets does with a concept; see docs/sets.md.

    `options` depend on the action: the rules engine checks them. `prompt` describes a concept that
    the preset does not have. `license_type` is the licence of what is painted with a style, and
    `expected_price_tokens` the price that its buyer was shown: a request and the own rule of an
    instance may have it, a saved rule and a job do not.
    """

    action: str
    value: NotRequired[str | None]
    options: NotRequired[dict[str, JsonValue] | None]
    prompt: NotRequired[str | None]
    license_type: NotRequired[str | None]
    expected_price_tokens: NotRequired[int | None]


class OverrideSettings(TypedDict):
    """Other settings for some photos of a job: for these indexes, or for a group.

    `members` are the indexes of the photos that were in the group when the job was executed.
    """

    concepts: dict[str, Setting]
    items: NotRequired[list[int]]
    group: NotRequired[str]
    members: NotRequired[list[int]]


class ArtistLink(TypedDict):
    """A link on the page of an artist; an empty label shows the host of the address alone."""

    url: str
    label: str


class PhotoWarning(TypedDict):
    """A warning about a photo, such as a concept that it does not show."""

    code: str
    concept: str


class ClickedPoint(TypedDict):
    """A click on a photo: shares 0–1 of its width and height; `include` if inside the mask."""

    x: float
    y: float
    include: bool


class SearchedConcept(TypedDict):
    """A concept that a run of the segmenter searches for."""

    name: str
    prompt: str
    is_many: bool


class StoredMask(TypedDict):
    """A measured mask: `box` is left, top, width and height in pixels; `score` is 0–1."""

    mask_key: str
    box: list[int]
    area: int
    score: float


class WorkerMask(TypedDict):
    """A mask as its worker reported it; `score` is 0–1."""

    concept: str
    mask_key: str
    score: float


class StampedFiles(TypedDict):
    """The signed picture in storage."""

    image_key: str
    preview_key: str
    thumbnail_key: str
    image_sha256: str
    image_size: int
    perceptual_hash: str
    preview_sha256: NotRequired[str | None]
    thumbnail_sha256: NotRequired[str | None]


class EditedFiles(TypedDict):
    """The edited photo in storage; `missing` are concepts without an instance in it."""

    result_key: str
    preview_key: str | None
    sha256: str
    size: int
    missing: list[str]


class Handover(TypedDict, total=False):
    """The values that one step of a job stores for its next steps."""

    # render_images for stamp_signature
    raw_key: str
    raw_sha256: str
    # stamp_signature for deliver_generation
    image: StampedFiles
    # train_style for publish_style
    base_model_sha256: str | None
    # segment_photos for record_masks
    segmenter: str
    version: str
    found: list[WorkerMask]
    # apply_rules for finish_photo
    result: EditedFiles


class PassPosition(TypedDict, total=False):
    """Where a task is that goes through everything in pieces: after which row of which part.

    `part` is a table or a counter, `after_key` the key of an object, `counts` what was found so
    far. The position of a new pass is empty, that of the end is `is_complete`.
    """

    part: str
    after: int
    after_key: str
    counts: dict[str, int]
    is_complete: bool
