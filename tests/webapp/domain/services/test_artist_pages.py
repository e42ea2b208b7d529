import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.database import at_once
from webapp.domain.db import unit_of_work
from webapp.domain.errors import ArtistOnly, GenerationNotFound, PinLimitReached
from webapp.domain.models.account import User
from webapp.domain.models.artist_page import MAX_PINNED, ArtistPage, PinnedPicture
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.queries import artist_pages as page_queries
from webapp.domain.queries.viewing import ANYBODY
from webapp.domain.services import artist_pages, leaving


def pictures(session, storage, style, *, count, buyer=None):
    """Public pictures of a buyer in a style."""
    buyer = buyer or making.user(session, tokens=1000)
    made = [making.order(session, buyer, style)[0] for _ in range(count)]
    for each in made:
        making.finish(session, storage, each, is_public=True)
    return [each.id for each in made]


@pytest.fixture
def style(session, storage):
    return making.style(session, storage)


@pytest.fixture
def artist(session, style):
    return session.get(User, style.artist_id)


def pinned(session, storage, artist):
    page = page_queries.detail(session, storage, artist_id=artist.id, viewer=ANYBODY)
    return [each.id for each in page.pinned_pictures]


def test_the_picture_that_was_pinned_last_comes_first(session, storage, style, artist):
    first, second = pictures(session, storage, style, count=2)
    for each in (second, first, second):  # the second time changes nothing
        artist_pages.pin(session, user=artist, generation_id=each)
    assert pinned(session, storage, artist) == [first, second]
    artist_pages.unpin(session, user=artist, generation_id=first)
    assert pinned(session, storage, artist) == [second]
    with pytest.raises(GenerationNotFound):
        artist_pages.unpin(session, user=artist, generation_id=first)


def test_only_public_pictures_in_own_styles_are_pinned(session, storage, style, artist):
    [of_another] = pictures(session, storage, making.style(session, storage), count=1)
    private, hidden = pictures(session, storage, style, count=2)
    session.execute(update(Generation).where(Generation.id == private).values(is_public=False))
    session.execute(update(Generation).where(Generation.id == hidden).values(is_flagged=True))
    for each in (of_another, private, hidden, 10**9):
        with pytest.raises(GenerationNotFound):
            artist_pages.pin(session, user=artist, generation_id=each)
    assert pinned(session, storage, artist) == []


def test_who_is_no_artist_has_no_page_to_change(session, storage, style):
    person = making.user(session)
    [image] = pictures(session, storage, style, count=1)
    for change in (
        lambda: artist_pages.pin(session, user=person, generation_id=image),
        lambda: artist_pages.unpin(session, user=person, generation_id=image),
        lambda: artist_pages.edit(session, storage, user=person, about="I draw."),
    ):
        with pytest.raises(ArtistOnly):
            change()
    assert session.scalar(select(func.count()).select_from(ArtistPage)) == 0


@pytest.mark.parametrize(
    "change", [{"is_public": False}, {"is_flagged": True}], ids=["private", "hidden"]
)
def test_a_pinned_picture_is_gone_while_it_is_not_for_everybody(
    session, storage, style, artist, change
):
    first, second = pictures(session, storage, style, count=2)
    for each in (first, second):
        artist_pages.pin(session, user=artist, generation_id=each)
    one = update(Generation).where(Generation.id == second)
    session.execute(one.values(change))
    assert pinned(session, storage, artist) == [first]
    session.execute(one.values(is_public=True, is_flagged=False))
    assert pinned(session, storage, artist) == [second, first]


def test_a_picture_that_is_not_shown_leaves_its_place_to_the_next(session, storage, style, artist):
    *six, seventh = pictures(session, storage, style, count=MAX_PINNED + 1)
    for each in six:
        artist_pages.pin(session, user=artist, generation_id=each)
    with pytest.raises(PinLimitReached), session.begin_nested():
        artist_pages.pin(session, user=artist, generation_id=seventh)
    one = update(Generation).where(Generation.id == six[0])
    session.execute(one.values(is_public=False))
    artist_pages.pin(session, user=artist, generation_id=seventh)
    session.execute(one.values(is_public=True))
    assert pinned(session, storage, artist) == [seventh, *six[:0:-1]]


def test_never_more_than_six_are_pinned_however_many_ask_at_once(committed, storage):
    with committed.begin() as session:
        style = making.style(session, storage)
        images = pictures(session, storage, style, count=MAX_PINNED + 4)

    def pinning(generation_id):
        def run():
            with unit_of_work() as session:
                artist = session.get(User, style.artist_id)
                artist_pages.pin(session, user=artist, generation_id=generation_id)

        return run

    ends = at_once(*(pinning(each) for each in images))
    assert [type(each) for each in ends].count(PinLimitReached) == 4
    with committed() as session:
        count = select(func.count()).select_from(PinnedPicture)
        assert session.scalar(count) == MAX_PINNED


def test_who_leaves_is_on_no_page_any_more(session, storage, style, artist):
    own_artist = making.artist(session, storage)
    own_style = making.style(session, storage, of=own_artist)
    person = session.get(User, own_artist.user_id)
    making.ledger.grant(session, person.id, 1000, key="own")
    [of_person] = pictures(session, storage, style, count=1, buyer=person)
    [own] = pictures(session, storage, own_style, count=1, buyer=person)
    artist_pages.edit(session, storage, user=person, about="I draw.", links=[])
    artist_pages.pin(session, user=person, generation_id=own)
    artist_pages.pin(session, user=artist, generation_id=of_person)
    assert leaving.leave(session, user=person, confirm=person.username) == "deleted"
    for model in (ArtistPage, PinnedPicture):
        assert session.scalar(select(func.count()).select_from(model)) == 0


def test_styles_on_sale_are_counted(session, storage, style, artist):
    def count():
        page = page_queries.detail(session, storage, artist_id=artist.id, viewer=ANYBODY)
        return page.style_count

    assert count() == 1
    session.execute(update(Style).where(Style.id == style.id).values(is_flagged=True))
    assert count() == 0
