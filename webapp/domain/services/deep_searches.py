"""Deep searches: queue a picture in `verify`, record what was found, delete the picture."""

from datetime import timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from webapp.domain import jobs
from webapp.domain.errors import ServiceUnavailable
from webapp.domain.gateways.cache import Cache
from webapp.domain.identifiers import public_id
from webapp.domain.jobs import Lease
from webapp.domain.models.deep_search import DeepSearch
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.queries.verifications import Report

MAX_WAITING = 20
RETRY_AFTER_SECONDS = 20
GONE_SECONDS = 60
"""After its arrival nothing of a picture is left."""

SEARCH_SECONDS = 20
"""A search is given up after; the soft time limit of its task."""

LEAST_KEPT_SECONDS = 10
KEPT = timedelta(minutes=10)
"""For so long after a search began its page can read the answer."""

PICTURE_EXPIRED, SEARCH_TIMEOUT = "PICTURE_EXPIRED", "SEARCH_TIMEOUT"
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('deep searches'))")
_NONCE = bytes(12)  # a key encrypts one picture


def request(
    session: Session, cache: Cache, picture: bytes, *, age_seconds: float, request_id: str
) -> str:
    """Queue a search and return its public id.

    The picture arrived `age_seconds` ago, and is kept so long that a search that begins at the last
    moment ends within GONE_SECONDS of the arrival.

    Raises ServiceUnavailable while MAX_WAITING searches are not finished or the picture is too old,
    and CacheUnavailable.
    """
    kept_seconds = int(GONE_SECONDS - SEARCH_SECONDS - age_seconds)
    if kept_seconds < LEAST_KEPT_SECONDS:
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    session.execute(ONE_AT_A_TIME)
    waiting = session.scalar(
        select(func.count()).where(
            Job.kind == JobKind.DEEP_SEARCH, Job.state.in_([JobState.QUEUED, JobState.RUNNING])
        )
    )
    if waiting is not None and waiting >= MAX_WAITING:
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    key = AESGCM.generate_key(bit_length=256)
    search = DeepSearch(public_id=public_id("V_"), picture_key=key)
    session.add(search)
    session.flush()
    jobs.enqueue(session, JobKind.DEEP_SEARCH, search.id, request_id=request_id)
    sealed = AESGCM(key).encrypt(_NONCE, picture, None)
    cache.put(picture_name(search.public_id), sealed, seconds=kept_seconds)
    return search.public_id


def picture_name(search_id: str) -> str:
    """Return the name of a search's picture in the cache."""
    return f"verify:picture:{search_id}"


def picture_of(session: Session, cache: Cache, lease: Lease) -> bytes | None:
    """Return the picture of a search, None once it has expired. Raises CacheUnavailable."""
    search = session.get_one(DeepSearch, lease.ref)
    sealed = cache.get(picture_name(search.public_id))
    if sealed is None or search.picture_key is None:
        return None
    try:
        return AESGCM(search.picture_key).decrypt(_NONCE, sealed, None)
    except InvalidTag:
        return None


def record(session: Session, lease: Lease, report: Report) -> str | None:
    """Record what was found; return the public id, or None if the fence is stale."""
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.DONE):
        return None
    search = session.get_one(DeepSearch, lease.ref)
    search.report, search.picture_key = report.to_json(), None
    return search.public_id


def forget_picture(cache: Cache, search_id: str) -> None:
    """Delete the picture of an ended search, which would expire a little later."""
    cache.delete(picture_name(search_id))


def fail(session: Session, search_id: int, cause: str, _message: str) -> None:
    """Record why a search ended without an answer; its picture expires by itself."""
    session.execute(
        update(DeepSearch)
        .where(DeepSearch.id == search_id)
        .values(failure_cause=cause, picture_key=None)
    )


def purge(session: Session) -> int:
    """Delete old searches with their jobs; return how many."""
    ended = session.scalars(
        select(DeepSearch.id)
        .join(Job, (Job.ref == DeepSearch.id) & (Job.kind == JobKind.DEEP_SEARCH))
        .where(
            DeepSearch.created_at < jobs.NOW - KEPT,
            Job.state.not_in([JobState.QUEUED, JobState.RUNNING]),
        )
    ).all()
    session.execute(delete(Job).where(Job.kind == JobKind.DEEP_SEARCH, Job.ref.in_(ended)))
    session.execute(delete(DeepSearch).where(DeepSearch.id.in_(ended)))
    return len(ended)
