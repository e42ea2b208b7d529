import pytest
from sqlalchemy import func, select

from tests import making
from tests.database import at_once
from webapp.domain.models.account import TakenName
from webapp.domain.services import names


@pytest.fixture
def mina(session):
    made = making.user(session)
    assert names.claim(session, made.id, "mina")
    return made


@pytest.mark.parametrize("wanted", ["mina", "Mina", "m\u0456na", "rnina"])
def test_a_name_is_taken_with_all_that_look_like_it(session, mina, wanted):
    other = making.user(session)
    with session.begin_nested() as attempt:
        assert not names.claim(session, other.id, wanted)
        attempt.rollback()
    assert names.claim(session, mina.id, wanted)


def test_a_username_and_the_artist_name_of_another_are_of_one_kind(session, mina):
    other = making.user(session)
    assert not names.claim(session, other.id, "han", "Mina")


def test_who_changes_a_name_gives_the_old_one_up(session, mina):
    assert names.claim(session, mina.id, "minho")
    assert names.claim(session, making.user(session).id, "mina")


def test_names_of_the_site_are_for_nobody(session):
    assert not names.claim(session, making.user(session).id, "Support")


def test_one_of_many_who_want_a_name_at_once_gets_it(committed):
    with committed.begin() as session:
        people = [making.user(session).id for _ in range(6)]

    def take(user_id, name):
        with committed() as session:
            is_had = names.claim(session, user_id, name)
            (session.commit if is_had else session.rollback)()
        return is_had

    wishes = ["Ink", "ink", "lnk", "INK", "1nk", "\u0456nk"]
    calls = [
        lambda user_id=user_id, name=name: take(user_id, name)
        for user_id, name in zip(people, wishes, strict=True)
    ]
    had = at_once(*calls)
    assert any(had)
    with committed() as session:
        keys = select(TakenName.user_id, func.array_agg(TakenName.key)).group_by(TakenName.user_id)
        assert len(session.execute(keys).all()) == had.count(True)
