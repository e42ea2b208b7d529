import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from tests import making
from tests.database import at_once
from webapp.domain.errors import ArtworkNotFound, Forbidden, StyleNotFound, ValidationFailed
from webapp.domain.models.account import Role, User
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.shown_artwork import MAX_SHOWN, ShownArtwork
from webapp.domain.models.style import Artwork, ArtworkStatus, Style, TrainingStatus
from webapp.domain.queries import shown_artworks as shown_queries, style_detail
from webapp.domain.queries.viewing import ANYBODY
from webapp.domain.services import accounts, artworks, leaving, moderation, shown_artworks
from webapp.domain.services.shown_artworks import Choice


@pytest.fixture
def style(session, storage):
    return making.style(session, storage)


@pytest.fixture
def works(session, style):
    return making.artworks(session, style, count=3)


def choose(session, style, works, *, by=None, titles=None):
    titles = titles or [""] * len(works)
    shown_artworks.choose(
        session,
        user=by or session.get_one(User, style.artist_id),
        style_id=style.id,
        chosen=[Choice(work.id, title) for work, title in zip(works, titles, strict=True)],
        request_id="r",
    )


def show(session, style, works, titles=None):
    making.show_artworks(session, style, works, titles=titles or [""] * len(works))


def seen(session, storage, style):
    """The titles that others see on the page of the artist; on that of the style the same."""
    session.flush()
    titles = [each.title for each in shown_queries.of_artist(session, storage, style.artist_id)]
    try:
        view = style_detail.detail(session, storage, style_id=style.id, viewer=ANYBODY)
    except StyleNotFound:
        assert titles == []
    else:
        assert [each.title for each in view.shown_artworks] == titles
    return titles


def preview_jobs(session):
    query = select(func.count()).select_from(Job).where(Job.kind == JobKind.ARTWORK_PREVIEW)
    return session.scalar(query)


def test_by_default_nothing_is_shown(session, storage, style, works):
    assert seen(session, storage, style) == []


def test_chosen_works_are_shown_in_the_order_of_their_artist(session, storage, style, works):
    first, second, third = works
    show(session, style, [third, first], ["Night", "Pier"])
    assert seen(session, storage, style) == ["Night", "Pier"]
    show(session, style, [first, second, third], ["Pier", "Rain", "Night"])
    assert seen(session, storage, style) == ["Pier", "Rain", "Night"]
    # Those that were shown before keep their previews.
    assert preview_jobs(session) == 3


def test_a_work_is_shown_once_its_preview_is_made(session, storage, style, works):
    choose(session, style, works[:1])
    assert seen(session, storage, style) == []
    show(session, style, works[:1], ["Pier"])
    assert seen(session, storage, style) == ["Pier"]


def test_what_is_taken_back_is_gone_at_once_with_its_job(session, storage, style, works):
    show(session, style, works, ["Pier", "Rain", "Night"])
    choose(session, style, works[1:2], titles=["Rain"])
    assert seen(session, storage, style) == ["Rain"]
    assert preview_jobs(session) == 1
    choose(session, style, [])
    assert seen(session, storage, style) == []
    assert preview_jobs(session) == 0


def test_only_ones_own_accepted_works_can_be_shown(session, storage, style, works):
    other = making.artworks(session, making.style(session, storage), count=1)
    refused = making.artworks(session, style, count=1, status=ArtworkStatus.REJECTED)
    pending = making.artworks(session, style, count=1, status=ArtworkStatus.PENDING)
    for wrong in (other, refused, pending):
        with pytest.raises(ArtworkNotFound):
            choose(session, style, [*works, *wrong])
    stranger = session.get_one(User, making.artist(session, storage).user_id)
    with pytest.raises(Forbidden):
        choose(session, style, works, by=stranger)
    style.is_active = False
    with pytest.raises(StyleNotFound):
        choose(session, style, works, by=stranger)
    assert session.scalars(select(ShownArtwork)).all() == []


def test_no_more_than_twelve_and_none_twice(session, style):
    works = making.artworks(session, style, count=MAX_SHOWN + 1)
    with pytest.raises(ValidationFailed):
        choose(session, style, works)
    with pytest.raises(ValidationFailed):
        choose(session, style, [works[0], works[0]])
    choose(session, style, works[:MAX_SHOWN])


@pytest.mark.parametrize(
    "columns",
    [
        {"is_active": False},
        {"is_flagged": True},
        {"valid_to": func.current_date() - 1, "valid_from": func.current_date() - 9},
        {"valid_from": func.current_date() + 9},
        {"training_status": TrainingStatus.TRAINED},
    ],
)
def test_a_style_that_is_not_on_sale_shows_none(session, storage, style, works, columns):
    show(session, style, works[:1], ["Pier"])
    session.execute(update(Style).where(Style.id == style.id).values(columns))
    assert seen(session, storage, style) == []


@pytest.mark.parametrize(
    "columns",
    [{"is_flagged": True}, {"is_removed": True}, {"status": ArtworkStatus.REJECTED}],
)
def test_a_work_that_is_hidden_or_not_used_any_more_is_not_shown(
    session, storage, style, works, columns
):
    show(session, style, works[:2], ["Pier", "Rain"])
    session.execute(update(Artwork).where(Artwork.id == works[0].id).values(columns))
    assert seen(session, storage, style) == ["Rain"]


def test_a_work_that_is_taken_out_of_the_style_is_taken_back(session, storage, style, works):
    show(session, style, works[:2], ["Pier", "Rain"])
    artworks.remove(session, style.id, [works[0].id])
    assert session.scalars(select(ShownArtwork.artwork_id)).all() == [works[1].id]


def test_who_closes_the_account_shows_nothing(session, storage, style, works):
    show(session, style, works, ["Pier", "Rain", "Night"])
    leaving.deactivate(session, style.artist_id)
    assert seen(session, storage, style) == []
    assert (session.scalars(select(ShownArtwork)).all(), preview_jobs(session)) == ([], 0)


def test_what_is_trained_stays_the_same(session, style, works):
    def trained():
        session.expire_all()
        present = artworks.present(session, style.id)
        return [(work.id, work.status, work.clean_key, work.tags) for work in present]

    before = trained()
    show(session, style, works)
    assert trained() == before


def test_the_database_knows_places_and_holds_each_once(committed, storage):
    with committed.begin() as session:
        style = making.style(session, storage)
        works = making.artworks(session, style, count=2)
        show(session, style, works)
    for values in ({"place": 1}, {"place": 0}, {"place": MAX_SHOWN + 1}):
        with pytest.raises(IntegrityError), committed.begin() as session:
            session.execute(update(ShownArtwork).values(values))


def test_of_choices_that_are_saved_at_once_one_holds_as_a_whole(committed, storage):
    with committed.begin() as session:
        style = making.style(session, storage)
        works = making.artworks(session, style, count=MAX_SHOWN)
    orders = [works[turn:] + works[:turn] for turn in range(8)]

    def save(order):
        def saved():
            with committed.begin() as session:
                choose(session, style, order)

        return saved

    at_once(*map(save, orders))
    with committed() as session:
        kept = session.scalars(select(ShownArtwork.artwork_id).order_by(ShownArtwork.place)).all()
        assert kept in [[work.id for work in order] for order in orders]
        assert preview_jobs(session) == MAX_SHOWN


def test_hiding_a_work_waits_for_the_closing_of_the_account_of_its_artist(
    committed, beside, storage
):
    with committed.begin() as session:
        style = making.style(session, storage)
        [work] = making.artworks(session, style, count=1)
        show(session, style, [work])
        admin_id = making.user(session, role=Role.ADMIN).id

    def hide(mine):
        moderation.change_artwork(
            mine,
            admin=mine.get_one(User, admin_id),
            artwork_id=work.id,
            is_flagged=True,
            reason="reported",
        )

    with committed.begin() as closing:
        accounts.lock_exclusively(closing, style.artist_id)
        hidden = beside(hide)
        leaving.deactivate(closing, style.artist_id)
    assert isinstance(hidden.exception(), ArtworkNotFound)
