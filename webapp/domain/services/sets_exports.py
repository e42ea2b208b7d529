"""Exports of Sets: finished jobs of one album as an archive, made once and kept.

What an archive holds is known by the results in it: after photos were tried again another one is
made. The archive of a job's own template is begun when the job is done.
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
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.services import sets_accounts
from webapp.domain.services.sets_job_states import get_job
from webapp.domain.sets_errors import JobNotFinished, PlanRequired
from webapp.domain.sets_presets import Plan, Template, UnknownTemplate

LANGUAGES = ("en", "ko")
FAILED_AGAIN_AFTER = timedelta(minutes=1)
MOST_WAITING = 6
"""Archives of one account that are being made: each takes minutes and may take gigabytes."""

WAITING_SECONDS = 30  # until it makes sense to ask again

_Named = Mapping[str, object]


@dataclass(frozen=True)
class ExportRequest:
    """What a person asks for: by default the job's own template, alone."""

    template: str | None = None
    others: tuple[str, ...] = ()
    language: str = LANGUAGES[0]


def request(
    session: Session, account: SetsAccount, job_id: str, wanted: ExportRequest
) -> SetsExport:
    """Return the archive of a job, which is begun if there is none.

    Raises JobNotFound, for one of `others` too; JobNotFinished unless all of them are done;
    ValidationFailed for an unknown template and for jobs of another album; PlanRequired for a
    template of another plan; ServiceUnavailable for a moment after the archive could not be made;
    RateLimitExceeded while several others of the account are being made.
    """
    job = get_job(session, account.id, job_id)
    others = [get_job(session, account.id, other) for other in dict.fromkeys(wanted.others)]
    for each in (job, *others):
        if each.status != SetsJobStatus.DONE or each.purged_at is not None:
            raise JobNotFinished(status=each.status)
    _check_album(session, job, others)
    template = _template(job, wanted.template)
    if not sets_accounts.limits_of(account, datetime.now(UTC)).allows(template):
        raise PlanRequired(template=template.id, plan=Plan.PRO.value)
    named = _named(session, job, others, template.id, wanted.language)
    found = _locked(session, named)
    if found is None:
        _refuse_too_many(session, account)
    elif found.status == ExportStatus.FAILED:
        _refuse_too_soon(session, found)
    return _one(session, job, named)


def prepare(session: Session, job: SetsJob) -> None:
    """Begin the archive of a job that is just done: its own template, in its person's language."""
    language = session.scalar(
        select(User.language)
        .join(SetsAccount, SetsAccount.user_id == User.id)
        .where(SetsAccount.id == job.account_id)
    )
    chosen = language if language in LANGUAGES else LANGUAGES[0]
    _one(session, job, _named(session, job, [], _template(job, None).id, chosen))


def record(session: Session, lease: Lease, *, archive_key: str, size: int) -> bool:
    """Keep a finished archive; False when the fence is stale."""
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
    """End an export that cannot be made; asking again makes another one."""
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
    """Return the name under which a browser saves an archive: ASCII, of the job and template."""
    job_id = session.scalars(select(SetsJob.public_id).where(SetsJob.id == export.job_id)).one()
    return f"{job_id}-{export.template}.zip"


def _named(
    session: Session, job: SetsJob, others: Sequence[SetsJob], template: str, language: str
) -> _Named:
    """Return what tells the one archive of these results from others, by its columns."""
    return {
        "job_id": job.id,
        "other_jobs": [each.id for each in others],
        "template": template,
        "language": language,
        "version": _version(session, [job, *others]),
    }


def _locked(session: Session, named: _Named) -> SetsExport | None:
    return session.scalars(select(SetsExport).filter_by(**named).with_for_update()).one_or_none()


def _one(session: Session, job: SetsJob, named: _Named) -> SetsExport:
    """Return the one archive of these results, and begin it if nobody has or it failed."""
    found = _locked(session, named)
    if found is not None and found.status == ExportStatus.FAILED:
        session.delete(found)
        session.flush()
        found = None
    if found is not None:
        return found
    _drop_older(session, named)
    made = session.execute(
        insert(SetsExport).values(**named).on_conflict_do_nothing().returning(SetsExport.id)
    ).scalar_one_or_none()
    if made is not None:
        jobs.enqueue(session, JobKind.SETS_EXPORT, made, request_id=job.request_id)
    return session.scalars(select(SetsExport).filter_by(**named)).one()


def _drop_older(session: Session, named: _Named) -> None:
    """Let go of the same archive of older results: of each one is kept, not every version."""
    same = {name: value for name, value in named.items() if name != "version"}
    session.execute(
        delete(SetsExport)
        .filter_by(**same)
        .where(SetsExport.version != named["version"], SetsExport.status != ExportStatus.QUEUED)
    )


def _refuse_too_many(session: Session, account: SetsAccount) -> None:
    """Raise RateLimitExceeded while as many archives of an account are made as may be."""
    sets_accounts.lock(session, account.id)
    waiting = session.scalars(
        select(func.count())
        .select_from(SetsExport)
        .join(SetsJob, SetsJob.id == SetsExport.job_id)
        .where(SetsJob.account_id == account.id, SetsExport.status == ExportStatus.QUEUED)
    ).one()
    if waiting >= MOST_WAITING:
        raise RateLimitExceeded(
            limit=MOST_WAITING, window_seconds=WAITING_SECONDS, retry_after=WAITING_SECONDS
        )


def _refuse_too_soon(session: Session, failed: SetsExport) -> None:
    """Raise ServiceUnavailable while an archive failed a moment ago, so that its asker hears it."""
    age: timedelta = session.execute(
        select(func.clock_timestamp() - SetsExport.finished_at).where(SetsExport.id == failed.id)
    ).scalar_one()
    if age < FAILED_AGAIN_AFTER:
        left = FAILED_AGAIN_AFTER - age
        raise ServiceUnavailable(retry_after=max(1, round(left.total_seconds())))


def _version(session: Session, included: Sequence[SetsJob]) -> int:
    """Return a number for the results, their groups and their order, to be told from others."""
    rows = session.execute(
        select(SetsPhoto.id, SetsPhoto.result_key, SetsPhoto.group, SetsPhoto.position)
        .where(SetsPhoto.job_id.in_([job.id for job in included]))
        .order_by(SetsPhoto.id)
    )
    return zlib.crc32(repr([tuple(row) for row in rows]).encode()) >> 1  # of 31 bits


def _template(job: SetsJob, wanted: str | None) -> Template:
    """Return a template of the job's preset by id or older name; the job's own without a wish."""
    preset = sets_presets.preset(job.preset_id)
    if not (wanted or job.output_template):
        return preset.templates[0]
    try:
        return preset.template(wanted or job.output_template)
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
