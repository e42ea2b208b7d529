"""Search the picture of a stranger for a watermark, within 20 seconds, and delete the picture."""

from contextlib import suppress
from functools import lru_cache

from celery.exceptions import SoftTimeLimitExceeded

from celery_config import TaskName
from tasks.metrics import count_deep_search
from tasks.on_cpu.attempt import AttemptFailed, attempt, claim, storage
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.cache import Cache, CacheUnavailable
from webapp.domain.queries.verifications import Report
from webapp.domain.services import deep_searches, recognition
from webapp.domain.services.recognition import PictureRegistry
from webapp.domain.settings import settings
from webapp.examiner import EngineExaminer, configured_examiner


@lru_cache(maxsize=1)
def examiner() -> EngineExaminer:
    """Return this process's examiner."""
    return configured_examiner(settings())


@lru_cache(maxsize=1)
def cache() -> Cache:
    """Return this process's cache."""
    return Cache(settings().redis_url)


@task(TaskName.SEARCH_WATERMARK)
def search_watermark(*, job_id: int) -> None:
    """Search one picture. A retry finds it only as long as the cache keeps it."""
    lease = claim(job_id, TaskName.SEARCH_WATERMARK)
    with attempt(lease):
        try:
            with unit_of_work() as session:
                picture = deep_searches.picture_of(session, cache(), lease)
            if picture is None:
                raise AttemptFailed(deep_searches.PICTURE_EXPIRED, "The picture is not kept.")
            report = _searched(picture)
        except CacheUnavailable as error:
            raise AttemptFailed(deep_searches.PICTURE_EXPIRED, str(error)) from error
        with unit_of_work() as session:
            search_id = deep_searches.record(session, lease, report)
        if search_id is not None:
            count_deep_search(report.method)
            with suppress(CacheUnavailable):  # it expires by itself
                deep_searches.forget_picture(cache(), search_id)


def _searched(picture: bytes) -> Report:
    try:
        return recognition.search(PictureRegistry(unit_of_work, storage(), examiner()), picture)
    except SoftTimeLimitExceeded as error:
        raise AttemptFailed(deep_searches.SEARCH_TIMEOUT, "The search took too long.") from error
