from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from tests import making
from tests.database import at_once, in_own_transaction
from webapp.domain import errors
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import LicenseType, Style
from webapp.domain.services import generations, offers

TODAY = datetime.now(ZoneInfo("Asia/Seoul")).date()  # a test after midnight finds it yesterday


@pytest.fixture
def style(session, storage):
    return making.style(session, storage)


def owner_of(session, style):
    return session.get(User, style.artist_id)


def artist_of(session, style):
    return session.get(Artist, style.artist_id)


def edit(session, style, **changes):
    offers.edit(session, user=owner_of(session, style), style_id=style.id, changes=changes)
    session.refresh(style)
    return style


def remove(session, style):
    offers.remove(session, user=owner_of(session, style), style_id=style.id)
    session.refresh(style)
    return style


def test_an_artist_changes_the_terms(session, style):
    before = style.updated_at
    edit(
        session,
        style,
        description="Boats.",
        price_tokens=77,
        license_type=LicenseType.PERSONAL,
        valid_to=TODAY + timedelta(days=2),
    )
    assert (style.description, style.price_tokens, style.license_type) == ("Boats.", 77, "personal")
    assert style.valid_to == TODAY + timedelta(days=2)
    assert style.updated_at > before
    assert edit(session, style, valid_to=None).valid_to is None


def test_a_price_change_leaves_what_was_ordered_before(session, style):
    buyer = making.user(session)
    [before] = making.order(session, buyer, style)
    edit(session, style, price_tokens=55)
    [after] = making.order(session, buyer, style)
    session.refresh(before)
    assert (before.price_tokens, after.price_tokens) == (10, 55)
    assert making.violations(session) == []


@pytest.mark.parametrize("days", [-1, 0])
def test_a_licence_ends_after_it_began_and_after_today(session, style, days):
    for start in (TODAY + timedelta(days=10), TODAY - timedelta(days=10)):
        style.valid_from = start
        session.flush()
        with pytest.raises(errors.ValidationFailed) as refused:
            edit(session, style, valid_to=max(start, TODAY) + timedelta(days=days))
        assert set(refused.value.details["fields"]) == {"valid_to"}


@pytest.mark.parametrize("status", ["pending", "training", "failed"])
def test_only_a_trained_style_is_changed(session, style, status):
    style.training_status = status
    session.flush()
    with pytest.raises(errors.StyleNotReady) as refused:
        edit(session, style, price_tokens=5)
    assert refused.value.details == {"training_status": status}


def test_a_style_is_switched_off_and_on_again(session, style):
    assert edit(session, style, is_active=False).is_active is False
    assert edit(session, style, is_active=True).is_active is True
    assert edit(session, style, is_active=True).is_active is True


@pytest.mark.parametrize("status", ["pending", "training", "completed"])
def test_a_second_style_is_not_switched_on(session, style, status):
    edit(session, style, is_active=False)
    second = making.style(session, of=artist_of(session, style), training_status=status)
    with pytest.raises(errors.StyleLimitReached) as refused:
        edit(session, style, is_active=True)
    assert refused.value.details == {"limit": 1, "style_id": second.id}
    assert edit(session, style, price_tokens=3).price_tokens == 3


def test_a_failed_style_gives_the_slot_back_and_only_with_the_same_name_goes_itself(session, style):
    edit(session, style, is_active=False)
    twin, other = (
        making.style(session, of=artist_of(session, style), name=name, training_status="failed")
        for name in (style.name.upper(), "Another")
    )
    edit(session, style, is_active=True)
    session.refresh(twin)
    session.refresh(other)
    assert (style.is_active, twin.is_active, other.is_active) == (True, False, True)


@pytest.mark.parametrize("act", [edit, remove])
def test_what_one_sees_but_does_not_own_is_forbidden_and_the_rest_not_found(session, style, act):
    hidden = making.style(session, is_active=False)
    flagged = making.style(session, is_flagged=True)
    unfinished = making.style(session, training_status="failed")
    stranger = making.user(session)
    name = act.__name__
    extra = {"changes": {}} if act is edit else {}
    call = getattr(offers, name)
    with pytest.raises(errors.Forbidden) as refused:
        call(session, user=stranger, style_id=style.id, **extra)
    assert refused.value.details == {"owner": False}
    for style_id in (hidden.id, flagged.id, unfinished.id, 10**9):
        with pytest.raises(errors.StyleNotFound):
            call(session, user=stranger, style_id=style_id, **extra)
    admin = making.user(session, role="admin")
    with pytest.raises(errors.Forbidden):
        call(session, user=admin, style_id=hidden.id, **extra)


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_an_unused_style_gives_its_slot_and_name_free(session, style, status):
    style.training_status = status
    session.flush()
    assert remove(session, style).is_active is False
    assert remove(session, style).is_active is False
    assert making.style(session, of=artist_of(session, style), name=style.name).is_active


@pytest.mark.parametrize("end", ["queued", "failed", "canceled"])
def test_a_used_style_stays_whatever_became_of_its_images(session, style, end):
    for made in making.order(session, making.user(session), style, count=2):
        if end == "failed":
            generations.fail(session, made.id, "INVALID_PROMPT", "")
        if end == "canceled":
            generations.cancel(session, user_id=made.user_id, generation_id=made.id)
    with pytest.raises(errors.StyleInUse) as refused:
        remove(session, style)
    assert refused.value.details == {"generations": 2}
    assert style.is_active


@pytest.mark.parametrize("status", ["pending", "training"])
def test_a_style_in_training_stays(session, style, status):
    style.training_status = status
    session.flush()
    with pytest.raises(errors.TrainingInProgress) as refused:
        remove(session, style)
    assert refused.value.details == {"style_id": style.id}


def test_of_two_styles_switched_on_at_once_one_wins(committed):
    with committed.begin() as session:
        artist = making.artist(session)
        styles = [making.style(session, of=artist, is_active=False) for _ in range(4)]

    def switch_on(style):
        def act(mine):
            user = mine.get(User, artist.user_id)
            offers.edit(mine, user=user, style_id=style.id, changes={"is_active": True})

        return in_own_transaction(committed, act)

    results = at_once(*[switch_on(style) for style in styles])

    assert results.count(None) == 1
    assert {type(each) for each in results if each} == {errors.StyleLimitReached}
    with committed() as session:
        assert len(session.scalars(select(Style.id).where(Style.is_active)).all()) == 1


def test_a_style_is_either_removed_or_ordered_never_both(committed):
    with committed.begin() as session:
        styles = [making.style(session) for _ in range(10)]
        buyers = [making.user(session) for _ in styles]

    def take_away(style):
        return in_own_transaction(committed, lambda mine: remove(mine, mine.get(Style, style.id)))

    def order(style, buyer):
        return in_own_transaction(
            committed, lambda mine: len(making.order(mine, mine.get(User, buyer.id), style))
        )

    calls = []
    for style, buyer in zip(styles, buyers, strict=True):
        calls += [take_away(style), order(style, buyer)]
    results = at_once(*calls)

    with committed() as session:
        for number, style in enumerate(styles):
            removal, ordered = results[2 * number : 2 * number + 2]
            is_active = session.get(Style, style.id).is_active
            used = session.scalars(select(Generation.id).where(Generation.style_id == style.id))
            if len(used.all()) == 1:
                assert is_active
                assert (type(removal), ordered) == (errors.StyleInUse, 1)
            else:
                assert not is_active
                assert isinstance(ordered, errors.StyleNotFound)


def test_an_order_waits_for_a_removal_and_finds_nothing_on_sale(committed, beside):
    with committed.begin() as session:
        style, buyer = making.style(session), making.user(session)
    with committed.begin() as first:
        remove(first, first.get(Style, style.id))
        order = beside(lambda mine: making.order(mine, mine.get(User, buyer.id), style))
    assert isinstance(order.exception(), errors.StyleNotFound)


def test_an_order_waits_for_another_of_its_buyer_and_tells_all_that_is_missing(committed, beside):
    with committed.begin() as session:
        style, buyer = making.style(session), making.user(session, tokens=30)
    with committed.begin() as first:
        making.order(first, first.get(User, buyer.id), style)
        order = beside(lambda mine: making.order(mine, mine.get(User, buyer.id), style, count=3))
    assert isinstance(order.exception(), errors.InsufficientTokens)
    assert order.exception().details == {"required": 30, "available": 20}


def test_a_removal_waits_for_an_order_and_finds_the_style_in_use(committed, beside):
    with committed.begin() as session:
        style, buyer = making.style(session), making.user(session)
    with committed.begin() as first:
        making.order(first, first.get(User, buyer.id), style)
        removal = beside(lambda mine: remove(mine, mine.get(Style, style.id)))
    assert isinstance(removal.exception(), errors.StyleInUse)


def test_a_change_waits_for_a_delivery_that_still_has_to_name_the_artist(committed, beside):
    with committed.begin() as session:
        made = making.generation(session)
        session.execute(update(Generation).values(status="processing"))
    with committed.begin() as delivery:
        style = delivery.get(Style, made.style_id, with_for_update={"key_share": True})
        change = beside(lambda mine: edit(mine, mine.get(Style, style.id), price_tokens=99))
        generations.complete(
            delivery, made.id, "0" * 16, image_key="images/1.png", image_sha256="a" * 64
        )
    assert change.exception() is None
    with committed() as session:
        assert session.get(Generation, made.id).status == "completed"
        assert session.get(Style, made.style_id).price_tokens == 99
