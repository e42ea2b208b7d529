"""Bodies, queries and answers about jobs of Sets."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from webapp.domain.models.license import IssuedLicense
from webapp.domain.models.sets_instance import SegmentationStatus
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.sets_settings import Override, RuleRequest
from webapp.schemas.fields import (
    Answer,
    Body,
    Count,
    Filename,
    Id,
    PageQuery,
    PlainText,
    SeenText,
    Time,
    Url,
)
from webapp.schemas.sets_instances import MAX_ITEMS, Idx, Prompt
from webapp.schemas.sets_presets import PresetId
from webapp.schemas.sets_rules import (
    EXAMPLE,
    ConceptKey,
    ConceptSettings,
    MaybeSettings,
    Protected,
    RuleId,
    StoredSetting,
)

MAX_VARIANTS = 3
MAX_PREVIEWS = 3
MAX_OVERRIDES = 20
JobId = Annotated[SeenText, Field(min_length=1, max_length=40, examples=["job_7Kq2Zt4mWx9Lr3Vb"])]
GroupId = Annotated[str, Field(max_length=30, examples=["bathroom"])]
Items = Annotated[list[Idx], Field(min_length=1, max_length=MAX_ITEMS, examples=[[0]])]
GivenPreset = Annotated[str, Field(max_length=30, examples=["interior"])]
GivenRule = Annotated[
    SeenText, Field(min_length=1, max_length=40, examples=["rule_7Kq2Zt4mWx9Lr3Vb"])
]
TemplateId = Annotated[str, Field(max_length=30, examples=["before_after"])]
NAMED = Annotated[PlainText, StringConstraints(max_length=50)]


class DeclaredPhotoBody(Body):
    """A file that will be uploaded; JPEG and PNG up to 20 MB and 50 megapixels are taken."""

    filename: Filename
    size: int | None = Field(None, ge=0, le=2**40, examples=[4_200_000])
    content_type: str = Field("image/jpeg", max_length=100, examples=["image/jpeg"])
    group: GroupId = ""


class NewJob(Body):
    """POST /sets/jobs: photos that will be uploaded, or `source_job_id` for photos that are there.

    `items` are the photos of the source job that are used again; all without it.
    """

    preset: GivenPreset | None = Field(None, examples=["interior"])
    item_count: int | None = Field(None, ge=1, le=MAX_ITEMS, examples=[1])
    files: list[DeclaredPhotoBody] | None = Field(None, min_length=1, max_length=MAX_ITEMS)
    source_job_id: JobId | None = None
    items: Items | None = None


class JobQuery(PageQuery):
    """GET /sets/jobs."""

    status: SetsJobStatus | None = None
    preset: SeenText | None = Field(None, max_length=30, examples=["interior"])


class SegmentBody(Body):
    """POST /sets/jobs/:id/segment; `prompts` describes concepts that the preset does not have."""

    concepts: list[ConceptKey] = Field(min_length=1, max_length=12, examples=[["Wall"]])
    protect: Protected = Field(default_factory=list)
    items: Items | None = None
    prompts: dict[ConceptKey, Prompt] = Field(default_factory=dict, max_length=12)


class ItemChange(Body):
    """Another group or position of one photo."""

    idx: Idx
    group: GroupId | None = None
    position: int | None = Field(None, ge=0, lt=MAX_ITEMS, examples=[0])


class ItemChanges(Body):
    """PATCH /sets/jobs/:id/items."""

    changes: list[ItemChange] = Field(min_length=1, max_length=MAX_ITEMS)


class OverrideBody(Body):
    """Other settings for some photos: of a group, or with these indexes."""

    concepts: ConceptSettings
    items: list[Idx] = Field(default_factory=list, max_length=MAX_ITEMS)
    group: GroupId | None = None


class RuleBody(Body):
    """One rule: settings with what is protected, or the id of a saved rule, whose values win."""

    concepts: MaybeSettings | None = Field(None, examples=[EXAMPLE])
    protect: Protected | None = None
    overrides: list[OverrideBody] = Field(default_factory=list, max_length=MAX_OVERRIDES)
    rule_id: GivenRule | None = None

    def rule_request(self, *, name: str = "", path: str = "") -> RuleRequest:
        """Return the rule as the domain takes it; `path` is its path in the request."""
        return RuleRequest(
            concepts={key: setting.plain() for key, setting in (self.concepts or {}).items()},
            protect=None if self.protect is None else tuple(self.protect),
            overrides=tuple(
                Override(
                    concepts={key: setting.plain() for key, setting in each.concepts.items()},
                    group=each.group,
                    items=tuple(each.items),
                )
                for each in self.overrides
            ),
            rule_id=self.rule_id,
            name=name,
            path=path,
        )


class VariantBody(RuleBody):
    """A rule beside others, under a name of its own."""

    name: NAMED = ""


class ExecuteBody(RuleBody):
    """POST /sets/jobs/:id/execute: one rule, or up to three `variants`, of which the first is it.

    Each further variant becomes a job of its own, with a credit reserved for each photo.
    """

    output_template: TemplateId | None = None
    variants: list[VariantBody] | None = Field(None, min_length=1, max_length=MAX_VARIANTS)


class PreviewBody(Body):
    """POST /sets/jobs/:id/preview: a rule on up to three photos, without credits."""

    items: list[Idx] = Field(min_length=1, max_length=MAX_PREVIEWS, examples=[[0]])
    concepts: MaybeSettings
    protect: Protected | None = None


class RetryBody(Body):
    """POST /sets/jobs/:id/retry: these failed photos, or all."""

    items: Items | None = None


class UploadView(Answer):
    """Where one photo goes: send it with exactly these headers."""

    idx: Idx
    method: Literal["PUT"]
    url: Url
    headers: dict[str, str] = Field(examples=[{"Content-Type": "image/jpeg"}])
    key: str = Field(examples=["uploads/01JH3Z6V9C.jpg"])
    expires_at: Time


class CreatedJob(Answer):
    """POST /sets/jobs: where the photos go; nowhere when those of another job are used."""

    job_id: JobId
    status: SetsJobStatus
    source_job_id: JobId | None
    upload: list[UploadView]
    confirm_url: str = Field(examples=["/api/v1/sets/jobs/job_7Kq2Zt4mWx9Lr3Vb/confirm-upload"])
    credits_reserved: Count


class ProgressOfJob(Answer):
    """How many photos are done and failed, of how many."""

    done: Count
    failed: Count
    total: Count


class SegmentationOfJob(Answer):
    """How many photos have been searched, of those that were requested."""

    status: SegmentationStatus
    done: Count
    total: Count


class CreditsOfJob(Answer):
    """Credits of a job: reserved, charged for delivered photos, and returned."""

    reserved: Count
    charged: Count
    returned: Count


class ProblemOfPhoto(Answer):
    """Why a photo failed."""

    code: str = Field(examples=["TIMEOUT"])
    message: str = Field(examples=["The image took too long."])


class WarningOfPhoto(Answer):
    """What a person should know of a photo."""

    code: str = Field(examples=["CONCEPT_NOT_FOUND"])
    concept: str = Field(examples=["Window"])


class RestyleOfPhoto(Answer):
    """A region that is painted in a style: the image that was ordered for it, until refunded."""

    concept: str = Field(examples=["Wall"])
    generation_id: Id
    certificate_url: Url | None = Field(description="once the image is delivered")
    price_tokens: Count
    license_type: IssuedLicense


class JobItem(Answer):
    """One photo of a job; sizes in pixels of the upright photo."""

    idx: Idx
    status: PhotoStatus
    error: ProblemOfPhoto | None
    group: GroupId
    suggested_group: GroupId = Field(description="by the file name, while the photo has no group")
    position: Count
    filename: str = Field(examples=["bathroom-1.jpg"])
    width: Count | None
    height: Count | None
    preview_url: Url | None
    warnings: list[WarningOfPhoto]
    restyles: list[RestyleOfPhoto] = Field(description="what is paid for in tokens")


class JobOutput(Answer):
    """The result of one photo, whole and small."""

    idx: Idx
    result_url: Url | None
    preview_url: Url | None


class StoredOverride(Answer):
    """Other settings for some photos: those with these indexes, or those of a group."""

    concepts: dict[str, StoredSetting] = Field(examples=[EXAMPLE])
    items: list[Idx] = Field([], description="without group")
    group: GroupId | None = Field(None, description="without items")


class JobCardAnswer(Answer):
    """One job in a list. A variant names the job it was executed with as its parent."""

    job_id: JobId
    status: SetsJobStatus
    preset: PresetId
    item_count: Count
    name: str = Field(examples=["Warm oak"])
    source_job_id: JobId | None
    parent_job_id: JobId | None
    rule_id: RuleId | None
    concepts: dict[str, StoredSetting] = Field(examples=[EXAMPLE])
    protect: list[str] = Field(examples=[["Grout"]])
    overrides: list[StoredOverride] = Field(examples=[[]])
    output_template: TemplateId | None
    watermark: bool = Field(examples=[True])
    progress: ProgressOfJob
    segmentation: SegmentationOfJob | None
    credits: CreditsOfJob
    created_at: Time
    updated_at: Time
    finished_at: Time | None
    expires_at: Time


class JobAnswer(JobCardAnswer):
    """One job with its photos in their order and its results."""

    items: list[JobItem]
    outputs_ready: list[JobOutput]
    variants: list[JobId] = Field(description="the other jobs of the same execution")


class PreviewOfPhoto(Answer):
    """One small photo after the rule; its address is valid for an hour."""

    idx: Idx
    preview_url: Url | None
    warnings: list[WarningOfPhoto]


class Previews(Answer):
    """POST /sets/jobs/:id/preview."""

    results: list[PreviewOfPhoto]
