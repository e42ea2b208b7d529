"""Exports of Sets: finished photos of jobs of one album as an archive, created once and reused.

An archive has a version that depends on its results: after a retry of photos a new archive is
created. The archive with the job's own template is queued when the job is done.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import jobs, sets_presets
from webapp.domain.errors import (
    FieldProblem,
    RateLimitExceeded,
    ServiceUnavailable,
    ValidationFailed,
)
from webapp.domain.jobs import Lease
from webapp.domain.models.account import User
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_export import ExportStatus, SetsExport
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.services import sets_accounts
from webapp.domain.services.sets_job_states import get_job
from webapp.domain.services.sets_purging import ENDED
from webapp.domain.sets_errors import JobNotFinished, PlanRequired
from webapp.domain.sets_presets import Plan, Template, UnknownTemplate

LANGUAGES = ("en", "ko")
RETRY_FAILED_AFTER = timedelta(minutes=1)
MAX_QUEUED = 6
"""Queued archives of one account: each takes minutes and may have gigabytes."""

RETRY_AFTER_SECONDS = 30

_Key = Mapping[str, object]


@dataclass(frozen=True)
class ExportRequest:
    """A requested export: by default of one job with the job's own template."""

    template: str | None = None
    others: tuple[str, ...] = ()
    language: str = LANGUAGES[0]


def request(
    session: Session, account: SetsAccount, job_id: str, export_request: ExportRequest
) -> SetsExport:
    """Return the archive of a job; it is queued if there is none.

    Raises JobNotFound, for one of `others` too; JobNotFinished unless all of them have ended with
    finished photos; ValidationFailed for an unknown template, for jobs of another album, and for
    more jobs than the template shows; PlanRequired for a template of another plan;
    ServiceUnavailable for a minute after the archive failed; RateLimitExceeded while MAX_QUEUED
    others of the account are queued.
    """
    job = get_job(session, account.id, job_id)
    other_ids = dict.fromkeys(export_request.others)
    others = [get_job(session, account.id, other_id) for other_id in other_ids]
    for each in (job, *others):
        _refuse_unfinished(session, each)
    _check_album(session, job, others)
    template = _template(job, export_request.template)
    _refuse_too_long(template, others)
    if not sets_accounts.limits_of(account, datetime.now(UTC)).allows(template):
        raise PlanRequired(template=template.id, plan=Plan.PRO.value)
    key = _key(session, job, others, template.id, export_request.language)
    existing = _locked(session, key)
    if existing is None:
        _refuse_too_many(session, account)
    elif existing.status == ExportStatus.FAILED:
        _refuse_too_soon(session, existing)
    return _get_or_create(session, job, key)


def prepare(session: Session, job: SetsJob) -> None:
    """Queue the archive of a job that is just done: its own template, in the user's language."""
    language = session.scalar(
        select(User.language)
        .join(SetsAccount, SetsAccount.user_id == User.id)
        .where(SetsAccount.id == job.account_id)
    )
    supported = language if language in LANGUAGES else LANGUAGES[0]
    _get_or_create(session, job, _key(session, job, [], _template(job, None).id, supported))


def record(session: Session, lease: Lease, *, archive_key: str, size: int) -> bool:
    """Record a finished archive; False if the fence is stale."""
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.DONE):
        return False
    session.execute(
        update(SetsExport)
        .where(SetsExport.id == lease.ref)
        .values(
            status=ExportStatus.READY,
            archive_key=archive_key,
            archive_size=size,
            finished_at=jobs.NOW,
        )
    )
    return True


def fail(session: Session, export_id: int, cause: str, message: str) -> None:
    """Fail an export; a later request creates a new one."""
    session.execute(
        update(SetsExport)
        .where(SetsExport.id == export_id, SetsExport.status == ExportStatus.QUEUED)
        .values(
            status=ExportStatus.FAILED,
            failure_code=cause,
            failure_message=message,
            finished_at=jobs.NOW,
        )
    )


def download_name(session: Session, export: SetsExport) -> str:
    """Return the download name of an archive: ASCII, with job id and template."""
    job_id = session.scalars(select(SetsJob.public_id).where(SetsJob.id == export.job_id)).one()
    return f"{job_id}-{export.template}.zip"


def _key(
    session: Session, job: SetsJob, others: Sequence[SetsJob], template: str, language: str
) -> _Key:
    """Return the unique columns of the archive of these results."""
    return {
        "job_id": job.id,
        "other_jobs": [each.id for each in others],
        "template": template,
        "language": language,
        "version": _version(session, [job, *others]),
    }


def _locked(session: Session, key: _Key) -> SetsExport | None:
    return session.scalars(select(SetsExport).filter_by(**key).with_for_update()).one_or_none()


def _get_or_create(session: Session, job: SetsJob, key: _Key) -> SetsExport:
    """Return the archive of these results; queue a new one if there is none or it failed."""
    export = _locked(session, key)
    if export is not None and export.status == ExportStatus.FAILED:
        session.delete(export)
        session.flush()
        export = None
    if export is not None:
        return export
    _delete_older(session, key)
    new_id = session.execute(
        insert(SetsExport).values(**key).on_conflict_do_nothing().returning(SetsExport.id)
    ).scalar_one_or_none()
    if new_id is not None:
        jobs.enqueue(session, JobKind.SETS_EXPORT, new_id, request_id=job.request_id)
    return session.scalars(select(SetsExport).filter_by(**key)).one()


def _delete_older(session: Session, key: _Key) -> None:
    """Delete the same archive of older results: only the newest version is stored."""
    other_columns = {name: value for name, value in key.items() if name != "version"}
    session.execute(
        delete(SetsExport)
        .filter_by(**other_columns)
        .where(SetsExport.version != key["version"], SetsExport.status != ExportStatus.QUEUED)
    )


def _refuse_unfinished(session: Session, job: SetsJob) -> None:
    """Raise JobNotFinished unless a job has ended and has finished photos: a canceled one may."""
    results = select(SetsPhoto.id).where(
        SetsPhoto.job_id == job.id,
        SetsPhoto.status == PhotoStatus.DONE,
        SetsPhoto.result_key.is_not(None),
    )
    has_results = session.scalar(select(results.exists()))
    if job.status not in ENDED or job.purged_at is not None or not has_results:
        raise JobNotFinished(status="purged" if job.purged_at else job.status)


def _refuse_too_long(template: Template, others: Sequence[SetsJob]) -> None:
    """Raise ValidationFailed for more jobs than a template shows."""
    most = template.most_jobs - 1
    if len(others) > most:
        problem = FieldProblem("At most %(most)s other jobs with this template.", most=most)
        raise ValidationFailed(fields={"jobs": [problem]})


def _refuse_too_many(session: Session, account: SetsAccount) -> None:
    """Raise RateLimitExceeded if MAX_QUEUED archives of an account are queued."""
    sets_accounts.lock(session, account.id)
    queued = session.scalars(
        select(func.count())
        .select_from(SetsExport)
        .join(SetsJob, SetsJob.id == SetsExport.job_id)
        .where(SetsJob.account_id == account.id, SetsExport.status == ExportStatus.QUEUED)
    ).one()
    if queued >= MAX_QUEUED:
        raise RateLimitExceeded(
            limit=MAX_QUEUED, window_seconds=RETRY_AFTER_SECONDS, retry_after=RETRY_AFTER_SECONDS
        )


def _refuse_too_soon(session: Session, failed: SetsExport) -> None:
    """Raise ServiceUnavailable shortly after a failure, so that the client learns of it."""
    age: timedelta = session.execute(
        select(func.clock_timestamp() - SetsExport.finished_at).where(SetsExport.id == failed.id)
    ).scalar_one()
    if age < RETRY_FAILED_AFTER:
        remaining = RETRY_FAILED_AFTER - age
        raise ServiceUnavailable(retry_after=max(1, round(remaining.total_seconds())))


def _version(session: Session, included: Sequence[SetsJob]) -> int:
    """Return a hash of the results, their groups and their order."""
    rows = session.execute(
        select(SetsPhoto.id, SetsPhoto.result_key, SetsPhoto.group, SetsPhoto.position)
        .where(SetsPhoto.job_id.in_([job.id for job in included]))
        .order_by(SetsPhoto.id)
    )
    return zlib.crc32(repr([tuple(row) for row in rows]).encode()) >> 1  # of 31 bits


def _template(job: SetsJob, template_id: str | None) -> Template:
    """Return a template of the job's preset by id or alias; by default the job's own."""
    preset = sets_presets.preset(job.preset_id)
    if not (template_id or job.output_template):
        return preset.templates[0]
    try:
        return preset.template(template_id or job.output_template)
    except UnknownTemplate as error:
        choices = ", ".join(each.id for each in preset.templates)
        problem = FieldProblem("One of %(choices)s.", choices=choices)
        raise ValidationFailed(fields={"template": [problem]}) from error


def _check_album(session: Session, job: SetsJob, others: Sequence[SetsJob]) -> None:
    """Raise ValidationFailed unless all jobs have the photos of one album, each once."""
    album = _album(session, job)
    for other in others:
        if other.id == job.id or _album(session, other) != album:
            problem = FieldProblem("Must be another job of the same photos.")
            raise ValidationFailed(fields={"jobs": [problem]})


def _album(session: Session, job: SetsJob) -> int:
    """Return the job that the photos of a job were first uploaded for."""
    first = (
        select(SetsJob.id, SetsJob.source_job_id)
        .where(SetsJob.id == job.id)
        .cte("source", recursive=True)
    )
    sources = first.union_all(
        select(SetsJob.id, SetsJob.source_job_id).join(first, first.c.source_job_id == SetsJob.id)
    )
    root: int = session.scalars(select(sources.c.id).where(sources.c.source_job_id.is_(None))).one()
    return root
