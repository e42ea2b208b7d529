"""A trained style put on sale by its artist: what is chosen, once, and by nobody else."""

import pytest
from sqlalchemy import func, select, update

from tests import making
from webapp.domain import errors
from webapp.domain.gains import MeasuredGain
from webapp.domain.models.account import Artist, User
from webapp.domain.models.style import Style, Tag
from webapp.domain.queries import style_detail, styles as style_queries
from webapp.domain.queries.moderation import ModerationFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.style_detail import OwnStyleView
from webapp.domain.queries.styles import StyleFilter
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import checkpoints, offers


@pytest.fixture
def style(session, storage):
    return making.trained(session, storage)


def catalogue(session, storage, viewer, **filters):
    page = style_queries.catalogue(
        session, storage, filters=StyleFilter(**filters), viewer=viewer, page=PageRequest()
    )
    return [each.id for each in page.results]


def test_the_chosen_checkpoint_is_sold_and_the_cover_comes_first(session, style):
    chosen = checkpoints.of_style(session, style.id)[1]
    making.put_on_sale(session, style, step=100, cover=1)

    session.refresh(style)
    assert style.training_status == "completed"
    assert (style.adapter_key, style.adapter_sha256) == (chosen.adapter_key, chosen.adapter_sha256)
    assert style.sample_keys == [chosen.sample_keys[1], chosen.sample_keys[0]]
    assert style.base_sample_keys == [chosen.base_sample_keys[1], chosen.base_sample_keys[0]]
    assert style.thumbnail_key == chosen.thumbnail_keys[1]
    used = {tag.name: tag.usage_count for tag in session.scalars(select(Tag))}
    assert used == dict.fromkeys(style.tags, 1)
    image = making.order(session, making.user(session), style)[0]
    assert image.adapter_sha256 == chosen.adapter_sha256


def test_the_last_checkpoint_with_its_first_sample_is_sold_by_default(session, style):
    last = checkpoints.of_style(session, style.id)[-1]
    making.put_on_sale(session, style)
    session.refresh(style)
    assert style.adapter_key == last.adapter_key
    assert style.thumbnail_key == last.thumbnail_keys[0]


def test_it_happens_once(session, style):
    making.put_on_sale(session, style, step=50)
    with pytest.raises(errors.InvalidTransition) as refused:
        making.put_on_sale(session, style, step=100)
    assert refused.value.details == {
        "from": "completed",
        "action": "publish",
        "allowed": ["trained"],
    }
    session.refresh(style)
    assert style.adapter_sha256 == checkpoints.of_style(session, style.id)[0].adapter_sha256
    assert session.scalar(select(func.max(Tag.usage_count))) == 1


@pytest.mark.parametrize("choice, field", [({"step": 7}, "checkpoint"), ({"cover": 2}, "cover")])
def test_only_what_is_there_can_be_chosen(session, style, choice, field):
    with pytest.raises(errors.ValidationFailed) as refused:
        making.put_on_sale(session, style, **choice)
    assert set(refused.value.details["fields"]) == {field}
    session.refresh(style)
    assert style.training_status == "trained"


@pytest.mark.parametrize("status", ["pending", "training", "failed"])
def test_what_is_not_trained_is_not_sold(session, style, status):
    session.execute(update(Style).values(training_status=status))
    session.expire_all()
    with pytest.raises(errors.InvalidTransition):
        making.put_on_sale(session, style)


def test_only_its_artist_puts_a_style_on_sale(session, style):
    for person in (making.user(session), making.user(session, role="admin")):
        with pytest.raises((errors.StyleNotFound, errors.Forbidden)):
            offers.publish(session, user=person, style_id=style.id)


def test_until_then_nobody_else_sees_it(session, storage, style):
    stranger, artist = Viewer(making.user(session).id), Viewer(style.artist_id)
    assert not offers.may_see(stranger, style)
    assert offers.may_see(artist, style)
    for wanted in ("trained", "completed", "all"):
        assert catalogue(session, storage, stranger, training_status=wanted) == []
    assert catalogue(session, storage, artist, training_status="trained") == [style.id]
    assert catalogue(session, storage, artist) == []


def test_a_trained_style_takes_its_artists_place_until_it_is_given_up(session, storage, style):
    artist = session.get(Artist, style.artist_id)
    person = session.get(User, style.artist_id)
    assert offers.active_style(session, artist.user_id) == style.id
    offers.edit(session, user=person, style_id=style.id, changes={"is_active": False})
    other = making.style(session, storage, of=artist)
    with pytest.raises(errors.StyleLimitReached):
        making.put_on_sale(session, style)
    offers.edit(session, user=person, style_id=other.id, changes={"is_active": False})
    making.put_on_sale(session, style)
    session.refresh(style)
    assert (style.training_status, style.is_active) == ("completed", True)


def test_terms_can_change_before_the_sale(session, style):
    person = session.get(User, style.artist_id)
    offers.edit(session, user=person, style_id=style.id, changes={"price_tokens": 42})
    making.put_on_sale(session, style)
    image = making.order(session, making.user(session), style)[0]
    assert image.price_tokens == 42


def test_a_suspended_style_that_is_put_on_sale_stays_hidden(session, storage, style):
    session.execute(update(Style).values(is_flagged=True))
    session.expire_all()
    making.put_on_sale(session, style)
    session.refresh(style)
    assert not offers.may_see(Viewer(), style)
    with pytest.raises(errors.StyleNotFound):
        making.order(session, making.user(session), style)


def test_administrators_find_trained_styles(session, storage, style):
    page = style_queries.for_admin(session, storage, filters=ModerationFilter(), page=PageRequest())
    assert [(each.id, each.training_status) for each in page.results] == [(style.id, "trained")]


def test_the_artist_sees_what_there_is_to_choose_from(session, storage):
    gain = MeasuredGain(0.9, 0.5, 0.1)
    style = making.trained(session, storage, gain=gain)
    made = making.try_out(session, style, step=100)
    seen = style_detail.detail(session, storage, style_id=style.id, viewer=Viewer(style.artist_id))

    assert [each.step for each in seen.checkpoints] == [50, 100, 150]
    assert [len(each.samples) for each in seen.checkpoints] == [2, 2, 2]
    assert seen.checkpoints[0].held_out_loss == 0.02
    assert seen.checkpoints[0].gain.learned.edges == "hardly"
    assert (seen.publish, seen.checkpoint) == ("by_artist", None)
    assert [(each.id, each.checkpoint) for each in seen.try_outs] == [(made.id, 100)]
    assert seen.try_outs_left == 7

    making.put_on_sale(session, style, step=50)
    session.expire_all()
    seen = style_detail.detail(session, storage, style_id=style.id, viewer=Viewer(style.artist_id))
    assert (seen.checkpoint, seen.try_outs_left) == (50, 0)
    assert [each.id for each in seen.try_outs] == [made.id]
    everybodys = style_detail.detail(session, storage, style_id=style.id, viewer=Viewer())
    assert not isinstance(everybodys, OwnStyleView)
