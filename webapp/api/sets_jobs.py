"""/sets/jobs (also /jobs): albums with one rule, from their upload to their results."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from flask import Blueprint, Response, g
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    AlreadyCanceled,
    FieldProblem,
    InsufficientTokens,
    InvalidTransition,
    LicenseNotSold,
    LicenseNotValid,
    NotFound,
    PriceChanged,
    StyleNotFound,
    StyleNotReady,
    StyleOutdated,
    UploadIncomplete,
    ValidationFailed,
)
from webapp.domain.image_errors import (
    ImageCorrupt,
    ImageResolutionTooLow,
    ImageSizeExceeded,
    ImageTooLargePixels,
    InvalidImageFormat,
    TooManyImages,
)
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.queries import sets_jobs as queries
from webapp.domain.queries.sets_jobs import JobFilter, JobView
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import (
    sets_accounts,
    sets_executions,
    sets_jobs,
    sets_previews,
    sets_uploads,
)
from webapp.domain.services.sets_job_states import photos_of
from webapp.domain.services.sets_jobs import Arrangement
from webapp.domain.services.sets_uploads import DeclaredPhoto, PhotoUpload
from webapp.domain.sets_errors import (
    ConcurrencyLimit,
    CreditsExhausted,
    JobNotFound,
    PlanRequired,
    RuleNotFound,
    SourceJobUnavailable,
)
from webapp.domain.sets_settings import RuleRequest
from webapp.extensions import db, editor, storage, unit_of_work
from webapp.http import bodies, buckets, envelope, event_streams, rate_limits
from webapp.http.access import current_sets_account, own_transactions, sets_account
from webapp.http.operations import EVENTS, Idempotency, operation
from webapp.schemas.fields import Listed
from webapp.schemas.sets_instances import Updated
from webapp.schemas.sets_jobs import (
    CreatedJob,
    ExecuteBody,
    ItemChanges,
    JobAnswer,
    JobCardAnswer,
    JobQuery,
    NewJob,
    PreviewBody,
    Previews,
    RetryBody,
    SegmentBody,
)

blueprint = Blueprint("sets_jobs", __name__)
CREATION = Idempotency("POST /sets/jobs", "/api/v1/sets/jobs/{job_id}")
LINKS = {"job_id": "/job_id"}
WRONG_STATE = (InvalidTransition, AlreadyCanceled, JobNotFound)
NOT_ON_SALE = (
    StyleNotFound,
    StyleNotReady,
    StyleOutdated,
    LicenseNotValid,
    LicenseNotSold,
    PriceChanged,
)
BAD_IMAGES = (
    InsufficientTokens,
    InvalidImageFormat,
    ImageSizeExceeded,
    ImageResolutionTooLow,
    ImageTooLargePixels,
    ImageCorrupt,
)


@dataclass(frozen=True)
class NewJobView:
    """A new job, and where its photos are uploaded; nowhere for photos of another job."""

    job_id: str
    status: SetsJobStatus
    source_job_id: str | None
    upload: list[PhotoUpload]
    confirm_url: str
    credits_reserved: int


@blueprint.post("/sets/jobs")
@blueprint.post("/jobs")
@sets_account
@operation(
    gives=CreatedJob,
    status=201,
    errors=(
        NotFound,
        JobNotFound,
        SourceJobUnavailable,
        InvalidImageFormat,
        ImageSizeExceeded,
        TooManyImages,
        CreditsExhausted,
        ConcurrencyLimit,
    ),
    idempotent=CREATION,
    links=LINKS,
)
def create(body: NewJob) -> NewJobView:
    """Make a job for photos that will be uploaded, or for those of another job."""
    account = current_sets_account()
    _refuse_contradictions(body)
    if body.source_job_id is not None:
        job = sets_jobs.reuse(
            db.session(),
            account,
            source_job_id=body.source_job_id,
            items=body.items,
            request_id=g.request_id,
            preset_id=body.preset,
        )
    else:
        job = sets_jobs.create(
            db.session(),
            account,
            preset_id=_preset(body),
            photos=_declared(body),
            request_id=g.request_id,
        )
    return _created(db.session(), job, body.source_job_id)


@blueprint.get("/sets/jobs")
@blueprint.get("/jobs")
@sets_account
@operation(gives=Listed[JobCardAnswer], links={"job_id": "/results/0/job_id"})
def list_own(query: JobQuery) -> Response:
    """List the jobs of the account, the newest first."""
    page = queries.own_jobs(
        db.session(),
        account_id=current_sets_account().id,
        filters=JobFilter(query.status, query.preset),
        page=bodies.page(query),
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/sets/jobs/<job_id>")
@blueprint.get("/jobs/<job_id>")
@sets_account
@operation(gives=JobAnswer, errors=(JobNotFound,))
def read(job_id: str) -> Response:
    """Show a job with its photos and results."""
    return _view(job_id)


@blueprint.post("/sets/jobs/<job_id>/confirm-upload")
@blueprint.post("/jobs/<job_id>/confirm-upload")
@own_transactions
@sets_account
@operation(gives=JobAnswer, errors=(UploadIncomplete, *BAD_IMAGES, *WRONG_STATE))
def confirm_upload(job_id: str) -> Response:
    """Have the photos decoded once every file is there and looks like a photo."""
    account_id = current_sets_account().id
    sets_uploads.confirm(
        unit_of_work, storage(), account_id=account_id, job_id=job_id, request_id=g.request_id
    )
    return _view(job_id)


@blueprint.post("/sets/jobs/<job_id>/segment")
@blueprint.post("/jobs/<job_id>/segment")
@rate_limits.limited(buckets.SETS_SEARCHES)
@sets_account
@operation(gives=JobAnswer, errors=WRONG_STATE)
def segment(job_id: str, body: SegmentBody) -> Response:
    """Have concepts searched in the photos, without credits."""
    sets_executions.segment(
        db.session(),
        current_sets_account(),
        job_id,
        concepts=body.concepts,
        protect=body.protect,
        items=body.items,
        prompts=body.prompts,
    )
    return _view(job_id)


@blueprint.patch("/sets/jobs/<job_id>/items")
@blueprint.patch("/jobs/<job_id>/items")
@sets_account
@operation(gives=Updated, errors=WRONG_STATE)
def arrange(job_id: str, body: ItemChanges) -> Response:
    """Change group and order of photos."""
    changes = [Arrangement(**each.model_dump()) for each in body.changes]
    count = sets_jobs.arrange(db.session(), current_sets_account(), job_id, changes)
    return envelope.success({"updated_count": count})


@blueprint.post("/sets/jobs/<job_id>/preview")
@blueprint.post("/jobs/<job_id>/preview")
@own_transactions
@sets_account
@operation(gives=Previews, errors=WRONG_STATE)
def preview(job_id: str, body: PreviewBody) -> Response:
    """Show a rule on up to three small photos, with a watermark and without credits."""
    account_id, objects = current_sets_account().id, storage()
    previews = sets_previews.preview(
        unit_of_work,
        objects,
        editor(),
        account_id=account_id,
        job_id=job_id,
        items=body.items,
        concepts={name: setting.plain() for name, setting in body.concepts.items()},
        protect=body.protect,
    )
    results = [
        {
            "idx": each.idx,
            "preview_url": signed_url(objects, each.key),
            "warnings": [asdict(warning) for warning in each.warnings],
        }
        for each in previews
    ]
    return envelope.success({"results": results})


@blueprint.post("/sets/jobs/<job_id>/execute")
@blueprint.post("/jobs/<job_id>/execute")
@sets_account
@operation(
    gives=JobAnswer,
    errors=(
        RuleNotFound,
        PlanRequired,
        CreditsExhausted,
        InsufficientTokens,
        PriceChanged,
        *WRONG_STATE,
    ),
)
def execute(job_id: str, body: ExecuteBody) -> Response:
    """Apply a rule, or up to three at once, to all photos."""
    sets_executions.execute(
        db.session(),
        editor(),
        current_sets_account(),
        job_id,
        rules=_rule_requests(body),
        output_template=body.output_template,
        request_id=g.request_id,
    )
    return _view(job_id)


@blueprint.post("/sets/jobs/<job_id>/cancel")
@blueprint.post("/jobs/<job_id>/cancel")
@sets_account
@operation(gives=JobAnswer, errors=WRONG_STATE)
def cancel(job_id: str) -> Response:
    """End a job and its variants; credits of undelivered photos are returned."""
    sets_jobs.cancel(db.session(), current_sets_account(), job_id)
    return _view(job_id)


@blueprint.post("/sets/jobs/<job_id>/retry")
@blueprint.post("/jobs/<job_id>/retry")
@sets_account
@operation(
    gives=JobAnswer,
    errors=(CreditsExhausted, ConcurrencyLimit, InsufficientTokens, *NOT_ON_SALE, *WRONG_STATE),
)
def retry(job_id: str, body: RetryBody) -> Response:
    """Have failed photos of an ended job edited again, each for a credit."""
    sets_jobs.retry(
        db.session(),
        current_sets_account(),
        job_id,
        items=body.items,
        request_id=g.request_id,
    )
    return _view(job_id)


@blueprint.get("/sets/jobs/<job_id>/events")
@blueprint.get("/jobs/<job_id>/events")
@sets_account
@operation(gives=JobAnswer, errors=(JobNotFound,), media=EVENTS)
def watch(job_id: str) -> Response:
    """Stream a job until it has ended."""
    account, objects = current_sets_account(), storage()
    account_id, version = account.id, account.token_version

    def read_job(session: Session) -> JobView:
        sets_accounts.refuse_revoked(session, account_id, version)
        return queries.detail(session, objects, account_id=account_id, job_id=job_id)

    read_job(db.session())
    return event_streams.stream(
        stamp=lambda session: queries.stamp(session, job_id),
        read=read_job,
        is_final=queries.is_final,
    )


def _view(job_id: str) -> Response:
    account_id = current_sets_account().id
    job = queries.detail(db.session(), storage(), account_id=account_id, job_id=job_id)
    return envelope.success(job)


def _created(session: Session, job: SetsJob, source_job_id: str | None) -> NewJobView:
    objects = storage()
    is_new = source_job_id is None
    photos = photos_of(session, job) if is_new else []
    return NewJobView(
        job_id=job.public_id,
        status=job.status or SetsJobStatus.CREATED,
        source_job_id=source_job_id,
        upload=[sets_uploads.upload_for(objects, photo) for photo in photos],
        confirm_url=f"/api/v1/sets/jobs/{job.public_id}/confirm-upload",
        credits_reserved=job.item_count,
    )


def _refuse_contradictions(body: NewJob) -> None:
    """Raise ValidationFailed for fields of new photos beside those of another job."""
    is_new = body.source_job_id is None
    if is_new:
        problem = FieldProblem("Only together with source_job_id.")
    else:
        problem = FieldProblem("Not together with source_job_id, which has its own photos.")
    for name in ["items"] if is_new else ["files", "item_count"]:
        if getattr(body, name) is not None:
            raise ValidationFailed(fields={name: [problem]})


def _preset(body: NewJob) -> str:
    if body.preset is None:
        problem = FieldProblem("Either preset or source_job_id is needed.")
        raise ValidationFailed(fields={"preset": [problem]})
    return body.preset


def _declared(body: NewJob) -> list[DeclaredPhoto]:
    """Return the photos of a new job: as its files say, or only counted."""
    if body.files is None:
        if body.item_count is None:
            problem = FieldProblem("Either item_count or files is needed.")
            raise ValidationFailed(fields={"item_count": [problem]})
        return [DeclaredPhoto()] * body.item_count
    if body.item_count not in {None, len(body.files)}:
        problem = FieldProblem("Must equal the number of files.")
        raise ValidationFailed(fields={"item_count": [problem]})
    return [DeclaredPhoto(**file.model_dump()) for file in body.files]


def _rule_requests(body: ExecuteBody) -> Sequence[RuleRequest]:
    """Return the rules of an execution with their paths in the request."""
    if body.variants is None:
        return [body.rule_request()]
    # An empty list of protected concepts is a choice; the others are then not there.
    has_rule = {
        "concepts": bool(body.concepts),
        "rule_id": body.rule_id is not None,
        "protect": body.protect is not None,
        "overrides": bool(body.overrides),
    }
    for name, is_given in has_rule.items():
        if is_given:
            problem = FieldProblem("Not together with variants: each variant has its own rule.")
            raise ValidationFailed(fields={name: [problem]})
    return [
        variant.rule_request(name=variant.name, path=f"variants.{number}.")
        for number, variant in enumerate(body.variants)
    ]
