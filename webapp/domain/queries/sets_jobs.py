"""Jobs of Sets as their person sees them: progress, photos, results, credits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from webapp.domain import sets_presets
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.documents import OverrideSettings, PhotoWarning, Setting
from webapp.domain.models.generation import Generation, GenerationStatus, Order
from webapp.domain.models.license import IssuedLicense
from webapp.domain.models.sets_instance import SegmentationStatus, SetsInstance, SetsSegmentation
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsEdit, SetsPhoto
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.models.style import Style
from webapp.domain.queries.pagination import Keyset, Page, PageRequest
from webapp.domain.queries.viewing import matching, signed_url
from webapp.domain.services import licenses
from webapp.domain.services.duplicates import NOT_DELIVERED
from webapp.domain.services.sets_job_states import get_job
from webapp.domain.sets_groups import suggested_group
from webapp.domain.sets_presets import Preset
from webapp.domain.settings import settings

FINAL = frozenset({SetsJobStatus.DONE, SetsJobStatus.FAILED, SetsJobStatus.CANCELED})
# The status of a search over several photos is the first of these that one of them has.
SEGMENTATION_ORDER = (
    SegmentationStatus.RUNNING,
    SegmentationStatus.QUEUED,
    SegmentationStatus.READY,
    SegmentationStatus.FAILED,
)
FAILED_MESSAGE = "This photo could not be edited."


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list; None for any."""

    status: SetsJobStatus | None = None
    preset: str | None = None


@dataclass(frozen=True)
class ProgressView:
    """How many photos are done and failed, of how many."""

    done: int
    failed: int
    total: int


@dataclass(frozen=True)
class SegmentationView:
    """How far the search for concepts is: photos searched, of those that were requested."""

    status: SegmentationStatus
    done: int
    total: int


@dataclass(frozen=True)
class CreditsView:
    """Credits of a job: reserved, charged for delivered photos, returned."""

    reserved: int
    charged: int
    returned: int


@dataclass(frozen=True)
class ProblemView:
    """Why a photo failed."""

    code: str
    message: str


@dataclass(frozen=True)
class RestyleView:
    """A region of a photo for which an image was ordered; its certificate exists once delivered."""

    concept: str
    generation_id: int
    certificate_url: str | None
    price_tokens: int
    license_type: IssuedLicense


@dataclass(frozen=True)
class ItemView:
    """One photo of a job. Sizes in pixels of the upright photo, null before it was checked."""

    idx: int
    status: PhotoStatus
    error: ProblemView | None
    group: str
    suggested_group: str
    position: int
    filename: str
    width: int | None
    height: int | None
    preview_url: str | None
    warnings: list[PhotoWarning]
    restyles: list[RestyleView]


@dataclass(frozen=True)
class OutputView:
    """The result of one photo, whole and small."""

    idx: int
    result_url: str | None
    preview_url: str | None


@dataclass(frozen=True)
class JobCard:
    """One job in a list."""

    job_id: str
    status: SetsJobStatus
    preset: str
    item_count: int
    name: str
    source_job_id: str | None
    parent_job_id: str | None
    rule_id: str | None
    concepts: Mapping[str, Setting]
    protect: Sequence[str]
    overrides: Sequence[OverrideSettings]
    output_template: str | None
    watermark: bool
    progress: ProgressView
    segmentation: SegmentationView | None
    credits: CreditsView
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True)
class JobView(JobCard):
    """One job with its photos in their order, its results, and the variants it has."""

    items: list[ItemView]
    outputs_ready: list[OutputView]
    variants: list[str]


def own_jobs(
    session: Session, *, account_id: int, filters: JobFilter, page: PageRequest
) -> Page[JobCard]:
    """List the jobs of an account, the newest first."""
    keyset = Keyset(
        [(SetsJob.created_at, "created_at", datetime), (SetsJob.id, "id", int)],
        {"list": f"jobs of {account_id}", **vars(filters)},
    )
    statement = _jobs().where(
        SetsJob.account_id == account_id,
        *matching((SetsJob.status, filters.status), (SetsJob.preset_id, filters.preset)),
    )
    rows = session.execute(keyset.apply(statement, page)).all()
    counts = _counts(session, [row.id for row in rows])
    return keyset.page(rows, page, lambda row: _card(row, counts))


def detail(session: Session, storage: Storage, *, account_id: int, job_id: str) -> JobView:
    """Return one job of an account. Raises JobNotFound, for somebody else's too."""
    job = get_job(session, account_id, job_id)
    row = session.execute(_jobs().where(SetsJob.id == job.id)).one()
    card = _card(row, _counts(session, [job.id]))
    photos = session.scalars(
        select(SetsPhoto)
        .where(SetsPhoto.job_id == job.id)
        .order_by(SetsPhoto.position, SetsPhoto.idx)
        .execution_options(populate_existing=True)
    ).all()
    restyles = _restyles(session, [photo.id for photo in photos])
    preset = sets_presets.preset(job.preset_id)
    variants = session.scalars(
        select(SetsJob.public_id).where(SetsJob.parent_id == job.id).order_by(SetsJob.id)
    )
    return JobView(
        **{each.name: getattr(card, each.name) for each in fields(card)},
        items=[_item(storage, preset, photo, restyles.get(photo.id, [])) for photo in photos],
        outputs_ready=[
            _output(storage, photo) for photo in photos if photo.status == PhotoStatus.DONE
        ],
        variants=list(variants),
    )


def stamp(session: Session, job_id: str) -> tuple[Any, ...]:
    """Return what changes whenever the view of a job does; cheap to query."""
    photos = select(SetsPhoto.id).join(SetsJob, SetsJob.id == SetsPhoto.job_id)
    ids = photos.where(SetsJob.public_id == job_id)
    run = SetsSegmentation
    return (
        session.execute(
            select(SetsJob.status, SetsJob.updated_at).where(SetsJob.public_id == job_id)
        ).one(),
        session.execute(select(func.max(SetsPhoto.updated_at)).where(SetsPhoto.id.in_(ids))).one(),
        session.execute(
            select(run.status, func.count(), func.max(run.id))
            .where(run.photo_id.in_(ids))
            .group_by(run.status)
            .order_by(run.status)
        ).all(),
        session.execute(
            select(func.count(), func.max(SetsInstance.updated_at)).where(
                SetsInstance.photo_id.in_(ids)
            )
        ).one(),
        session.execute(
            select(func.count(), func.max(Generation.updated_at))
            .select_from(SetsRestyle)
            .join(SetsEdit, SetsEdit.id == SetsRestyle.edit_id)
            .join(Generation, Generation.id == SetsRestyle.generation_id)
            .where(SetsEdit.photo_id.in_(ids))
        ).one(),
    )


def is_final(job: JobView) -> bool:
    """Tell whether a job, as `detail` shows it, changes no more unless it is tried again."""
    return job.status in FINAL


@dataclass(frozen=True)
class _Counts:
    """What is counted of several jobs at once, by the job's row id."""

    photos: Mapping[int, Mapping[PhotoStatus, int]]
    segmentations: Mapping[int, Mapping[SegmentationStatus, int]]
    credits: Mapping[int, CreditsView]


def _counts(session: Session, job_ids: Collection[int]) -> _Counts:
    photos: dict[int, dict[PhotoStatus, int]] = {}
    of_photos = (
        select(SetsPhoto.job_id, SetsPhoto.status, func.count())
        .where(SetsPhoto.job_id.in_(job_ids))
        .group_by(SetsPhoto.job_id, SetsPhoto.status)
    )
    for job_id, photo_status, count in session.execute(of_photos):
        photos.setdefault(job_id, {})[PhotoStatus(photo_status)] = count
    runs: dict[int, dict[SegmentationStatus, int]] = {}
    for job_id, status, count in session.execute(_latest_runs(job_ids)):
        runs.setdefault(job_id, {})[SegmentationStatus(status)] = count
    reserved = (
        select(
            SetsPhoto.job_id,
            func.count(),
            func.count(SetsEdit.delivered_at),
            func.count(SetsEdit.returned_at),
        )
        .join(SetsEdit, SetsEdit.photo_id == SetsPhoto.id)
        .where(SetsPhoto.job_id.in_(job_ids))
        .group_by(SetsPhoto.job_id)
    )
    credits_of_jobs = {job_id: CreditsView(*each) for job_id, *each in session.execute(reserved)}
    return _Counts(photos, runs, credits_of_jobs)


def _latest_runs(job_ids: Collection[int]) -> Select[*tuple[Any, ...]]:
    """Count the photos of each job by the status of their latest run of the segmenter."""
    latest = (
        select(SetsPhoto.job_id, SetsSegmentation.status)
        .ext(distinct_on(SetsSegmentation.photo_id))
        .join(SetsSegmentation, SetsSegmentation.photo_id == SetsPhoto.id)
        .where(SetsPhoto.job_id.in_(job_ids))
        .order_by(SetsSegmentation.photo_id, SetsSegmentation.id.desc())
        .subquery("latest")
    )
    return select(latest.c.job_id, latest.c.status, func.count()).group_by(
        latest.c.job_id, latest.c.status
    )


def _jobs() -> Select[*tuple[Any, ...]]:
    source, parent = aliased(SetsJob), aliased(SetsJob)
    return (
        select(
            SetsJob,
            SetsJob.id,
            SetsJob.created_at,
            source.public_id.label("source_job_id"),
            parent.public_id.label("parent_job_id"),
            SetsRule.public_id.label("saved_rule_id"),
        )
        .outerjoin(source, source.id == SetsJob.source_job_id)
        .outerjoin(parent, parent.id == SetsJob.parent_id)
        .outerjoin(SetsRule, SetsRule.id == SetsJob.rule_id)
        .execution_options(populate_existing=True)
    )


def _card(row: Row[*tuple[Any, ...]], counts: _Counts) -> JobCard:
    job: SetsJob = row.SetsJob
    photos = counts.photos.get(job.id, {})
    return JobCard(
        job_id=job.public_id,
        status=SetsJobStatus(job.status),
        preset=job.preset_id,
        item_count=job.item_count,
        name=job.name,
        source_job_id=row.source_job_id,
        parent_job_id=row.parent_job_id,
        rule_id=row.saved_rule_id,
        concepts=job.concepts,
        protect=job.protect,
        overrides=job.requested_overrides,
        output_template=job.output_template or None,
        watermark=job.has_watermark,
        progress=ProgressView(
            done=photos.get(PhotoStatus.DONE, 0),
            failed=photos.get(PhotoStatus.FAILED, 0),
            total=job.item_count,
        ),
        segmentation=_segmentation(counts.segmentations.get(job.id, {})),
        credits=counts.credits.get(job.id, CreditsView(0, 0, 0)),
        created_at=job.created_at,
        updated_at=job.updated_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
    )


def _segmentation(runs: Mapping[SegmentationStatus, int]) -> SegmentationView | None:
    """Return how far the search is; None where no search was requested, or all were canceled."""
    present = [status for status in SEGMENTATION_ORDER if runs.get(status)]
    if not present:
        return None
    ended = runs.get(SegmentationStatus.READY, 0) + runs.get(SegmentationStatus.FAILED, 0)
    total = sum(runs.get(status, 0) for status in SEGMENTATION_ORDER)
    return SegmentationView(status=present[0], done=ended, total=total)


def _restyles(session: Session, photo_ids: Collection[int]) -> dict[int, list[RestyleView]]:
    """Return what was ordered for photos and not refunded, by the photo's id."""
    rows = session.execute(
        select(SetsEdit.photo_id, SetsRestyle.concept, Generation, Order, Style)
        .join(SetsRestyle, SetsRestyle.edit_id == SetsEdit.id)
        .join(Generation, Generation.id == SetsRestyle.generation_id)
        .join(Order, Order.id == Generation.order_id)
        .join(Style, Style.id == Generation.style_id)
        .where(SetsEdit.photo_id.in_(photo_ids), Generation.status.not_in(NOT_DELIVERED))
        .order_by(SetsRestyle.id)
    )
    views: dict[int, list[RestyleView]] = {}
    for photo_id, concept, image, order, style in rows:
        is_delivered = image.status == GenerationStatus.COMPLETED
        address = licenses.certificate_url(settings().public_base_url, image.license_public_id)
        url = address if is_delivered else None
        license_type = licenses.ordered(order, style)
        view = RestyleView(concept, image.id, url, image.price_tokens, license_type)
        views.setdefault(photo_id, []).append(view)
    return views


def _item(
    storage: Storage, preset: Preset, photo: SetsPhoto, restyles: list[RestyleView]
) -> ItemView:
    problem = None
    if photo.failure_code is not None:
        problem = ProblemView(photo.failure_code, photo.failure_message or FAILED_MESSAGE)
    return ItemView(
        idx=photo.idx,
        status=PhotoStatus(photo.status),
        error=problem,
        group=photo.group,
        suggested_group="" if photo.group else suggested_group(preset, photo.filename),
        position=photo.position,
        filename=photo.filename,
        width=photo.width,
        height=photo.height,
        preview_url=None if photo.is_purged else signed_url(storage, photo.preview_key),
        warnings=photo.warnings,
        restyles=restyles,
    )


def _output(storage: Storage, photo: SetsPhoto) -> OutputView:
    if photo.is_purged:
        return OutputView(photo.idx, None, None)
    return OutputView(
        idx=photo.idx,
        result_url=signed_url(storage, photo.result_key, download_name=photo.result_name),
        preview_url=signed_url(storage, photo.result_preview_key),
    )
