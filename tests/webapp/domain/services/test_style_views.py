from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select

from tests import making
from webapp.domain import market
from webapp.domain.models.account import User
from webapp.domain.models.style_view import StyleView
from webapp.domain.services import leaving, style_views


def counted(session):
    session.expire_all()
    return {(row.style_id, row.day): row.views for row in session.scalars(select(StyleView))}


def test_views_are_added_by_style_and_day(session):
    first, second = making.style(session), making.style(session)
    today = market.today()
    for style, day in [(first, today), (first, today), (second, today)]:
        style_views.count(session, style_id=style.id, day=day)
    style_views.count(session, style_id=first.id, day=today - timedelta(days=1))
    assert counted(session) == {
        (first.id, today): 2,
        (first.id, today - timedelta(days=1)): 1,
        (second.id, today): 1,
    }


def test_views_at_the_same_time_are_all_counted(committed):
    with committed.begin() as session:
        style_id = making.style(session).id
    today = market.today()

    def count(_number):
        with committed.begin() as session:
            style_views.count(session, style_id=style_id, day=today)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(40)))
    with committed() as session:
        assert counted(session) == {(style_id, today): 40}


def test_old_days_are_deleted_in_pieces(session):
    style = making.style(session)
    today = market.today()
    kept = today - timedelta(days=style_views.KEPT_DAYS)
    for day in (today, kept, *(kept - timedelta(days=ago) for ago in range(1, 4))):
        style_views.count(session, style_id=style.id, day=day)
    assert [style_views.purge(session, limit=2) for _ in range(3)] == [2, 1, 0]
    assert set(counted(session)) == {(style.id, today), (style.id, kept)}


def test_they_go_with_a_style_that_is_deleted(session):
    style = making.style(session)
    style_views.count(session, style_id=style.id, day=market.today())
    artist = session.get_one(User, style.artist_id)
    leaving.leave(session, user=artist, confirm=artist.username)
    assert counted(session) == {}
