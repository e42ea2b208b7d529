"""Deletes the data of Sets with a user's account: photos, results, rules, all texts.

The rows of Sets accounts stay, because the credit entries reference them; their tokens are revoked.
"""

from collections.abc import Sequence

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.domain import sets_presets
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import SetsInstance, SetsSegmentation
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import names, sets_jobs, sets_locks, sets_purging


def lock_all(session: Session, user_id: int) -> None:
    """Lock a user's Sets accounts and their jobs until commit.

    Call it before locking the user row: transactions that lock a job or a Sets account lock the
    user last. Raises ServiceUnavailable while requests or tasks hold the locks.
    """
    sets_locks.lock_with_retries(session, lambda: _lock(session, user_id))


def _lock(session: Session, user_id: int) -> None:
    account_ids = _accounts(session, user_id)
    accounts = select(SetsAccount.id).where(SetsAccount.id.in_(account_ids))
    session.execute(accounts.with_for_update(nowait=True))
    jobs = select(SetsJob.id).where(SetsJob.account_id.in_(account_ids))
    session.execute(jobs.with_for_update(nowait=True))


def delete_all(session: Session, user_id: int) -> None:
    """Cancel a user's jobs, purge their files, and delete the user's texts and choices."""
    delete_all_of(session, _accounts(session, user_id))


def delete_all_of(session: Session, account_ids: Sequence[int]) -> None:
    """Delete the data of accounts whose rows the caller has locked, and revoke their tokens."""
    jobs = session.scalars(
        select(SetsJob).where(SetsJob.account_id.in_(account_ids)).with_for_update()
    ).all()
    for job in jobs:
        if job.status not in sets_purging.ENDED:
            sets_jobs.cancel_locked(session, job)
    sets_purging.purge(session, [job.id for job in jobs])
    _delete_texts(session, account_ids)
    session.execute(
        update(SetsAccount)
        .where(SetsAccount.id.in_(account_ids))
        .values(token_version=SetsAccount.token_version + 1)
    )


def _accounts(session: Session, user_id: int) -> Sequence[int]:
    """Return the ids of the user's account and of those that it has adopted."""
    own = select(SetsAccount.id).where(SetsAccount.user_id == user_id)
    every = select(SetsAccount.id).where(
        or_(SetsAccount.user_id == user_id, SetsAccount.adopted_by_id.in_(own))
    )
    return session.scalars(every).all()


def _delete_texts(session: Session, account_ids: Sequence[int]) -> None:
    jobs = select(SetsJob.id).where(SetsJob.account_id.in_(account_ids))
    photos = select(SetsPhoto.id).where(SetsPhoto.job_id.in_(jobs))
    run_of_photos = SetsSegmentation.photo_id.in_(photos)
    session.execute(update(SetsSegmentation).where(run_of_photos).values(concepts=[]))
    session.execute(
        update(SetsInstance).where(SetsInstance.photo_id.in_(photos)).values(points=[], rule=None)
    )
    _delete_own_words(session, photos)
    session.execute(
        update(SetsPhoto)
        .where(SetsPhoto.job_id.in_(jobs))
        .values(filename="", warnings=[], failure_message=None)
    )
    session.execute(
        update(SetsJob)
        .where(SetsJob.account_id.in_(account_ids))
        .values(name="", rule_id=None, concepts={}, overrides=[], protect=[])
    )
    session.execute(delete(SetsRule).where(SetsRule.account_id.in_(account_ids)))


def _delete_own_words(session: Session, photos: Select[int]) -> None:
    """Replace the names of parts that are in the person's own words, not those of a preset."""
    presets = sets_presets.concept_names()
    instances = select(SetsInstance.id).where(SetsInstance.photo_id.in_(photos))
    session.execute(
        update(SetsRestyle)
        .where(SetsRestyle.instance_id.in_(instances), SetsRestyle.concept.not_in(presets))
        .values(concept=names.DELETED)
    )
    session.execute(
        update(SetsInstance)
        .where(SetsInstance.photo_id.in_(photos), SetsInstance.concept.not_in(presets))
        # Two parts of a photo with the same number differ in their names.
        .values(concept=func.concat(names.DELETED, SetsInstance.id))
    )
