"""Sets of a person whose account is deleted: work ends, words and files go, the ledger stays."""

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from webapp.domain.models.idempotency import SetsIdempotencyKey
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import sets_accounts, sets_jobs

NOW = func.clock_timestamp()


def delete_of_person(session: Session, user_id: int) -> None:
    """Cancel what is unfinished, drop the person's words, and let all files expire now."""
    account = sets_accounts.find_of_user(session, user_id)
    if account is None:
        return
    unfinished = session.scalars(
        select(SetsJob)
        .where(SetsJob.account_id == account.id, SetsJob.status.in_(sets_accounts.ACTIVE))
        .order_by(SetsJob.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for job in unfinished:
        sets_jobs.cancel_locked(session, job)
    own = SetsJob.account_id == account.id
    words = {"name": "", "concepts": {}, "protect": [], "overrides": []}
    session.execute(update(SetsJob).where(own).values(expires_at=NOW, **words))
    session.execute(
        update(SetsPhoto)
        .where(SetsPhoto.job_id.in_(select(SetsJob.id).where(own)))
        .values(filename="")
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(SetsRule)
        .where(SetsRule.account_id == account.id)
        .values(
            name="-",
            concepts={},
            protect=[],
            deleted_at=func.coalesce(SetsRule.deleted_at, NOW),
            updated_at=NOW,
        )
    )
    session.execute(delete(SetsIdempotencyKey).where(SetsIdempotencyKey.account_id == account.id))
