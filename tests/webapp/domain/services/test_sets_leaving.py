import pytest
from sqlalchemy import select

from tests import making
from tests import sets_albums as albums
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import leaving


@pytest.fixture
def person(session):
    return making.user(session)


@pytest.fixture
def account(session, person):
    return making.sets_account(session, user=person)


def leave(session, person):
    return leaving.leave(session, user=person, confirm=person.username)


def test_unfinished_jobs_are_canceled_and_their_credits_returned(session, person, account):
    states = {"status": "running", "photo_status": PhotoStatus.RUNNING}
    job = albums.album(session, of=account, photos=3, **states)
    assert leave(session, person) == "deleted"
    session.expire_all()
    assert session.get(SetsJob, job.id).status == "canceled"
    assert {photo.status for photo in albums.photos_of(session, job)} == {PhotoStatus.CANCELED}
    assert albums.credits_of(session, job) == 10
    assert making.violations(session) == []


def test_words_go_and_files_expire(session, person, account):
    job = albums.album(session, of=account, name="Mother's kitchen")
    rule = {"public_id": "rule_1", "preset_id": "interior", "name": "Mother's oak"}
    times = {"created_at": making.jobs.NOW, "updated_at": making.jobs.NOW}
    session.add(
        SetsRule(account_id=account.id, concepts=albums.WALL, protect=["Grout"], **rule, **times)
    )
    session.flush()
    leave(session, person)
    session.expire_all()
    kept = session.scalars(select(SetsRule)).one()
    assert (kept.name, kept.concepts, kept.protect) == ("-", {}, [])
    assert kept.deleted_at is not None
    assert set(session.scalars(select(SetsPhoto.filename))) == {""}
    assert session.execute(select(SetsJob.name, SetsJob.concepts)).one() == ("", {})
    assert session.scalar(select(SetsJob.expires_at < making.jobs.NOW).where(SetsJob.id == job.id))


def test_who_never_used_sets_leaves_as_before(session, person):
    assert leave(session, person) == "deleted"
