"""A deep search: it finds the watermark of a part, and nothing of the picture remains."""

import io
import tempfile
from datetime import timedelta

import pytest
import redis
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import select, update

from celery_config import TaskName, make_celery
from tasks.on_cpu import search_watermark as task_module
from tasks.on_cpu.deliver_generation import deliver_generation
from tasks.on_cpu.refund import refund
from tasks.on_cpu.search_watermark import search_watermark
from tasks.on_cpu.stamp_signature import stamp_signature
from tests import delivering, images, making
from webapp.app import create_app
from webapp.domain import due_jobs, jobs
from webapp.domain.db import unit_of_work
from webapp.domain.errors import ServiceUnavailable
from webapp.domain.gateways.cache import Cache
from webapp.domain.models.deep_search import DeepSearch
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.queries import verifications as queries
from webapp.domain.services import deep_searches, recognition, verifications
from webapp.domain.services.recognition import PictureRegistry
from webapp.domain.settings import settings


@pytest.fixture(autouse=True)
def _fresh_examiner():
    for cached in (task_module.examiner, task_module.cache):
        cached.cache_clear()
    yield
    for cached in (task_module.examiner, task_module.cache):
        cached.cache_clear()


@pytest.fixture
def ordered(committed, storage):
    """A delivered picture and its file."""
    with committed.begin() as session:
        made = making.generation(session, storage)
    with committed() as session:
        made = session.merge(made)
        return made, delivering.deliver(session, storage, made, delivering.picture())


@pytest.fixture
def ask(committed, storage):
    """Queue a search of a picture; return its public id and the id of its job."""

    def asked(picture):
        with committed.begin() as session:
            cache = Cache(settings().redis_url)
            public_id = deep_searches.request(
                session, cache, picture, age_seconds=0, request_id="request-1"
            )
            search = session.scalars(
                select(DeepSearch).where(DeepSearch.public_id == public_id)
            ).one()
            job = select(Job.id).where(Job.kind == JobKind.DEEP_SEARCH, Job.ref == search.id)
            return public_id, session.scalars(job).one()

    return asked


def state(committed, public_id):
    with committed() as session:
        return queries.deep_search(session, public_id)


def row(committed, public_id):
    with committed() as session:
        found = select(DeepSearch).where(DeepSearch.public_id == public_id)
        return session.scalars(found).one_or_none()


def test_the_watermark_of_a_part_names_the_certificate(committed, ordered, ask):
    made, file = ordered
    public_id, job_id = ask(delivering.cropped(file, 0.12))
    search_watermark(job_id=job_id)
    found = state(committed, public_id)
    assert (found.status, found.failure) == ("done", None)
    [match] = found.report.matches
    assert (match.public_id, match.method) == (made.license_public_id, "watermark")
    assert match.confidence >= 0.9
    assert found.report.checked == ("watermark_search",)


def test_what_stamping_delivers_is_recognised_whole_saved_again_and_cropped(committed, storage):
    with committed.begin() as session:
        image = making.generation(session, storage)
        job = making.hand_on_to_stamping(session, storage, image)
    stamp_signature(job_id=job.id)
    deliver_generation(job_id=job.id)
    with committed() as session:
        image = session.get(Generation, image.id)
    registry = PictureRegistry(unit_of_work, storage, task_module.examiner())
    file, preview = (storage.get(key) for key in (image.image_key, image.preview_key))
    for upload, method in (
        (file, "hash"),
        (preview, "hash"),
        (delivering.saved_again(file), "watermark"),
        (delivering.saved_again(delivering.cropped(file, 0.125)), "watermark"),
    ):
        found = verifications.verify_fully(registry, upload)
        [match] = found.matches
        assert (match.public_id, match.method) == (image.license_public_id, method)
        assert (found.notes, match.confidence >= 0.9) == ((), True)


def test_a_picture_of_somebody_else_has_no_certificate(committed, ordered, ask):
    public_id, job_id = ask(images.encoded(images.scene(96, 96, seed=9)))
    search_watermark(job_id=job_id)
    found = state(committed, public_id)
    assert (found.status, found.report.matches) == ("done", [])
    assert found.report.checked == ("watermark_search", "perceptual")


def test_a_strip_is_searched_too(committed, ordered, ask):
    public_id, job_id = ask(images.encoded(images.scene(40, 1024)))
    search_watermark(job_id=job_id)
    assert state(committed, public_id).report.matches == []


def test_nothing_of_an_upload_remains_anywhere(committed, storage, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    # Larger than what a form keeps in memory.
    upload = images.encoded(images.scene(700, 700, seed=10), compress_level=0)
    assert len(upload) > 1 << 20
    objects = list(storage.list())
    kept = redis.Redis.from_url(settings().redis_url)
    names = set(kept.scan_iter("*"))
    answer = (
        create_app()
        .test_client()
        .post("/api/v1/verify", data={"image": (io.BytesIO(upload), "picture.png")})
    )
    public_id = answer.json["data"]["deep"]["id"]
    answer.request.environ["wsgi.input"].close()  # a file of the test's client
    assert list(folder.iterdir()) == []
    name = deep_searches.picture_name(public_id)
    assert 0 < kept.ttl(name) <= 40
    for new in set(kept.scan_iter("*")) - names:
        assert b"IHDR" not in kept.dump(new)
    with committed() as session:
        job_id = session.scalars(select(Job.id).where(Job.kind == JobKind.DEEP_SEARCH)).one()
    search_watermark(job_id=job_id)
    assert not kept.exists(name)
    assert list(storage.list()) == objects
    assert list(folder.iterdir()) == []
    search = row(committed, public_id)
    assert search.picture_key is None
    assert {column.name for column in DeepSearch.__table__.columns} == {
        *("id", "public_id", "picture_key", "report", "failure_cause", "created_at")
    }


def test_a_picture_that_could_not_be_gone_within_a_minute_is_not_searched(committed):
    cache = Cache(settings().redis_url)
    with committed() as session, pytest.raises(ServiceUnavailable):
        deep_searches.request(session, cache, b"picture", age_seconds=31, request_id="request-1")


def test_a_picture_that_expired_before_its_turn_is_told_of(committed, ask):
    public_id, job_id = ask(images.encoded(images.scene(96, 96, seed=11)))
    Cache(settings().redis_url).delete(deep_searches.picture_name(public_id))
    search_watermark(job_id=job_id)
    found = state(committed, public_id)
    assert (found.status, found.failure, found.report) == ("failed", "expired", None)


def test_a_search_ends_after_twenty_seconds(committed, ask, monkeypatch):
    annotations = make_celery("memory://").conf.task_annotations
    assert annotations[TaskName.SEARCH_WATERMARK.value]["soft_time_limit"] == 20

    def too_slow(_places, _picture):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(recognition, "search", too_slow)
    public_id, job_id = ask(images.encoded(images.scene(96, 96, seed=12)))
    search_watermark(job_id=job_id)
    found = state(committed, public_id)
    assert (found.status, found.failure) == ("failed", "timeout")
    assert row(committed, public_id).picture_key is None


def test_a_search_that_nobody_took_within_a_minute_ends(committed, ask):
    public_id, job_id = ask(images.encoded(images.scene(96, 96, seed=13)))
    with committed.begin() as session:
        late = update(Job).where(Job.id == job_id).values(deadline_at=jobs.NOW)
        session.execute(late)
    with committed.begin() as session:
        assert due_jobs.end_overdue(session) == 1
    refund(job_id=job_id)
    assert state(committed, public_id).failure == "expired"


def test_old_searches_are_deleted_with_their_jobs(committed, ask):
    public_id, job_id = ask(images.encoded(images.scene(96, 96, seed=14)))
    waiting, waiting_job = ask(images.encoded(images.scene(96, 96, seed=15)))
    with committed.begin() as session:
        making.change_job(session, job_id, state=JobState.DONE)
        past = jobs.NOW - deep_searches.KEPT - timedelta(seconds=1)
        session.execute(update(DeepSearch).values(created_at=past))
    with committed.begin() as session:
        assert deep_searches.purge(session) == 1
    assert row(committed, public_id) is None
    assert row(committed, waiting) is not None
    with committed() as session:
        assert session.get(Job, job_id) is None
        assert session.get(Job, waiting_job) is not None
