"""Albums whose photos are edited by a rule, and every fifth of them painted in a style."""

from tests import making, sets_albums as albums
from tests.restyling import restyle
from tests.stack import BASE_MODEL, Stack
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_photos

PRICE_TOKENS = 10


def executed(stack: Stack, photos: int) -> SetsJob:
    """A job whose photos were just confirmed, and which is executed while they are checked."""
    painted = list(range(0, photos, 5))
    with stack.session() as session:
        style = making.style(
            session, stack.storage, base_model=BASE_MODEL, price_tokens=PRICE_TOKENS
        )
        buyer = making.user(session, tokens=photos * PRICE_TOKENS)
        job = albums.album(
            session,
            stack.storage,
            of=albums.account(session, balance=photos, user=buyer),
            photos=photos,
            status=SetsJobStatus.QUEUED,
            photo_status=PhotoStatus.AWAITED,
            overrides=[{"items": painted, "concepts": {"Wall": restyle(style)}}],
            style_prices={str(style.id): PRICE_TOKENS},
        )
        for photo in albums.photos_of(session, job):
            sets_photos.check(session, photo)
    return job


def paintings(stack: Stack, job: SetsJob) -> list:
    """The images that were ordered for a job, with what was paid for each and what came back."""
    return stack.rows(
        """
        SELECT generations.id, generations.status, sets_photos.status AS photo,
               (SELECT count(*) FROM transfers WHERE generation_id = generations.id
                AND kind = 'payout') AS payouts,
               (SELECT count(*) FROM transfers WHERE generation_id = generations.id
                AND kind = 'refund') AS refunds
        FROM sets_restyles JOIN generations ON generations.id = generation_id
        JOIN sets_edits ON sets_edits.id = edit_id
        JOIN sets_photos ON sets_photos.id = photo_id
        WHERE sets_photos.job_id = :job_id
        """,
        job_id=job.id,
    )
