import time
from contextlib import contextmanager
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import select

from tests import making, sets_albums as albums
from tests.database import at_once
from webapp.domain import sets_presets
from webapp.domain.db import unit_of_work
from webapp.domain.models.account import User
from webapp.domain.models.sets_instance import SetsInstance
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import garbage, leaving, sets_accounts, sets_photos


@pytest.fixture
def person(session, storage):
    return making.user(session)


def leave(session, person):
    assert leaving.leave(session, user=person, confirm=person.username) == "deleted"
    session.expire_all()


def test_photos_results_rules_and_words_of_the_person_go(session, storage, person):
    owner = albums.account(session, user=person)
    adopted = albums.account(session, adopted_by_id=owner.id)
    done = albums.finished(session, storage, owner, name="My flat")
    running = albums.album(session, storage, of=adopted, status=SetsJobStatus.RUNNING)
    photo = albums.photos_of(session, done)[0]
    albums.instance(session, photo, storage, points=[{"x": 1}], rule={"action": "recolor"})
    for concept in ("my mother's chair", "her letters"):
        albums.instance(session, photo, storage, concept=concept)
    photo.warnings = [{"code": "NOT_FOUND", "concept": "her letters"}]
    photo.failure_message = "her letters"
    session.add(
        SetsRule(
            public_id="rule_1", account_id=owner.id, preset_id="interior", name="Mine", concepts={}
        )
    )
    session.flush()

    leave(session, person)

    jobs = {job.id: job for job in session.scalars(select(SetsJob))}
    assert jobs[done.id].status == SetsJobStatus.DONE
    assert jobs[running.id].status == SetsJobStatus.CANCELED
    assert all(job.purged_at and not job.concepts and not job.name for job in jobs.values())
    assert {photo.filename for photo in session.scalars(select(SetsPhoto))} == {""}
    instances = session.scalars(select(SetsInstance).order_by(SetsInstance.id)).all()
    assert [(each.points, each.rule) for each in instances] == 3 * [([], None)]
    kept, *own = [each.concept for each in instances]
    assert sets_presets.is_concept(kept)
    assert own == [f"deleted:{each.id}" for each in instances[1:]]
    session.refresh(photo)
    assert (photo.warnings, photo.failure_message) == ([], None)
    assert session.scalars(select(SetsRule)).all() == []
    assert making.violations(session) == []

    @contextmanager
    def unit_of_work():
        yield session

    garbage.collect(storage, unit_of_work, older_than=timedelta(0))
    assert list(storage.list()) == []


def test_tokens_of_the_account_open_nothing_any_more(session, storage, person):
    owner = albums.account(session, user=person)
    leave(session, person)
    session.refresh(owner)
    assert owner.token_version == 1


def test_jobs_of_others_stay(session, storage, person):
    other = albums.finished(session, storage, albums.account(session))
    leave(session, person)
    session.refresh(other)
    assert (other.purged_at, other.status) == (None, SetsJobStatus.DONE)


def test_who_never_used_sets_leaves_as_before(session, storage, person):
    leave(session, person)


def test_a_request_and_the_leaving_of_its_person_do_not_wait_for_each_other(committed, storage):
    with committed.begin() as session:
        person = making.user(session)
        owner = albums.account(session, user=person)
        job = albums.album(session, of=owner)
    holds = Event()

    def ask():
        with unit_of_work() as session:
            sets_accounts.lock_active(session, owner.id)
            holds.set()
            time.sleep(0.3)  # who leaves has begun meanwhile
            return sets_photos.lock_job(session, job.id).id

    def go():
        assert holds.wait(60)
        with unit_of_work() as session:
            person_now = session.get_one(User, person.id)
            return leaving.leave(session, user=person_now, confirm=person.username)

    assert at_once(ask, go) == [job.id, "deleted"]
