"""Jobs of Sets by their public ids: whose they are, and what their state allows."""

from collections.abc import Collection, Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from webapp.domain.errors import AlreadyCanceled, InvalidTransition
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.sets_errors import JobNotFound


def get_job(session: Session, account_id: int, job_id: str) -> SetsJob:
    """Return a job of an account. Raises JobNotFound, for somebody else's too."""
    return _one(session, _own(account_id, job_id), job_id)


def get_job_for_update(session: Session, account_id: int, job_id: str) -> SetsJob:
    """Lock the row of a job of an account until the transaction ends. Raises JobNotFound.

    Whoever locks a job and its account locks the job first, as the steps of its photos do.
    """
    wanted = _own(account_id, job_id).with_for_update()
    return _one(session, wanted.execution_options(populate_existing=True), job_id)


def refuse(job: SetsJob, action: str, *, unless: Collection[SetsJobStatus]) -> None:
    """Raise AlreadyCanceled or InvalidTransition unless a job is in one of these states."""
    if job.status in unless:
        return
    if job.status == SetsJobStatus.CANCELED:
        raise AlreadyCanceled
    raise wrong_state(job, action, unless)


def wrong_state(job: SetsJob, action: str, allowed: Collection[SetsJobStatus]) -> InvalidTransition:
    """Return the error of an action that the state of a job does not allow."""
    states = [state.value for state in SetsJobStatus if state in allowed]
    return InvalidTransition(**{"from": job.status, "action": action, "allowed": states})


def photos_of(session: Session, job: SetsJob) -> list[SetsPhoto]:
    """Return the photos of a job by index."""
    query = select(SetsPhoto).where(SetsPhoto.job_id == job.id).order_by(SetsPhoto.idx)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def refuse_unchecked(job: SetsJob, action: str, photos: Sequence[SetsPhoto]) -> None:
    """Raise InvalidTransition, naming them, while some photos are still being decoded."""
    unchecked = [photo.idx for photo in photos if photo.status == PhotoStatus.CHECKING]
    if unchecked:
        error = wrong_state(job, action, [SetsJobStatus.UPLOADED])
        error.details["unchecked"] = unchecked
        raise error


def _own(account_id: int, job_id: str) -> Select[SetsJob]:
    return select(SetsJob).where(SetsJob.public_id == job_id, SetsJob.account_id == account_id)


def _one(session: Session, wanted: Select[SetsJob], job_id: str) -> SetsJob:
    found = session.scalars(wanted).one_or_none()
    if found is None:
        raise JobNotFound(id=job_id)
    return found
