"""Jobs of Sets by public id, and checks of their state."""

from collections.abc import Collection, Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from webapp.domain.errors import AlreadyCanceled, InvalidTransition
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.sets_errors import JobNotFound


def get_job(session: Session, account_id: int, job_id: str) -> SetsJob:
    """Return a job of an account. Raises JobNotFound, also for a job of another account."""
    return _one(session, _own(account_id, job_id), job_id)


def get_job_for_update(session: Session, account_id: int, job_id: str) -> SetsJob:
    """Lock the row of an account's job FOR UPDATE until commit. Raises JobNotFound.

    Lock order: the job before its account, as in the steps of its photos.
    """
    query = _own(account_id, job_id).with_for_update()
    return _one(session, query.execution_options(populate_existing=True), job_id)


def refuse(job: SetsJob, action: str, *, unless: Collection[SetsJobStatus]) -> None:
    """Raise AlreadyCanceled or InvalidTransition unless a job has one of these statuses."""
    if job.status in unless:
        return
    if job.status == SetsJobStatus.CANCELED:
        raise AlreadyCanceled
    raise wrong_state(job, action, unless)


def wrong_state(job: SetsJob, action: str, allowed: Collection[SetsJobStatus]) -> InvalidTransition:
    """Return the error of an action that the status of a job does not allow."""
    states = [state.value for state in SetsJobStatus if state in allowed]
    return InvalidTransition(**{"from": job.status, "action": action, "allowed": states})


def photos_of(session: Session, job: SetsJob) -> list[SetsPhoto]:
    """Return the photos of a job by index."""
    query = select(SetsPhoto).where(SetsPhoto.job_id == job.id).order_by(SetsPhoto.idx)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def refuse_unchecked(job: SetsJob, action: str, photos: Sequence[SetsPhoto]) -> None:
    """Raise InvalidTransition with the indexes of photos that are still being checked."""
    unchecked = [photo.idx for photo in photos if photo.status == PhotoStatus.CHECKING]
    if unchecked:
        error = wrong_state(job, action, [SetsJobStatus.UPLOADED])
        error.details["unchecked"] = unchecked
        raise error


def _own(account_id: int, job_id: str) -> Select[SetsJob]:
    return select(SetsJob).where(SetsJob.public_id == job_id, SetsJob.account_id == account_id)


def _one(session: Session, query: Select[SetsJob], job_id: str) -> SetsJob:
    job = session.scalars(query).one_or_none()
    if job is None:
        raise JobNotFound(id=job_id)
    return job
