"""The people of the world of `make up` can do what is written for them."""

import io
from collections import Counter

from PIL import Image

from gpu.pretrain.styles import HELD_OUT
from gpu.pretrain.vocabulary import Colour, Place, Thing, Time
from gpu.signature.ink import prepare_ink
from webapp.domain.models.generation import AspectRatio
from webapp.domain.prices import price_for_size
from webapp.domain.services import packages
from webapp.domain.services.artworks import MIN_IMAGES
from webapp.domain.services.ledger import WELCOME_TOKENS
from webapp.embedded import scrawl
from webapp.embedded.cast import (
    ADMIN,
    CAST,
    NEWCOMER,
    SCENES,
    SETTLED,
    WORKS,
    introductions,
)
from webapp.embedded.up import account_lines
from webapp.sandbox.google_grants import PEOPLE

ARTISTS = [artist.email for artist in CAST.artists]
BUYERS = [buyer.email for buyer in CAST.buyers]
SHOWN = {order.title: order for order in CAST.orders if order.is_public}


def test_a_visitor_can_be_anybody_of_them_at_the_sandbox():
    assert {*ARTISTS, *BUYERS, ADMIN} == {person.email for person in PEOPLE}


def test_four_artists_draw_in_hands_that_the_base_model_never_saw():
    hands = {artist.hand for artist in CAST.artists}
    assert len(hands) == 4
    assert hands <= set(HELD_OUT)


def test_every_style_sells_and_its_best_pictures_hang_on_top():
    assert len({order.title for order in CAST.orders}) == len(CAST.orders)
    sold = Counter(order.style_name for order in CAST.orders)
    assert sold.keys() == {artist.style_name for artist in CAST.artists}
    assert min(sold.values()) >= 4
    newest = CAST.orders[-1]
    assert newest.prompt == tuple(SCENES[0][0].split(", "))


def test_the_fixture_holds_what_the_newcomer_has_no_part_in():
    assert NEWCOMER not in SETTLED.artists
    assert {*SETTLED.artists, NEWCOMER} == {*CAST.artists}
    assert {order.style_name for order in SETTLED.orders} == {
        artist.style_name for artist in SETTLED.artists
    }


def test_works_and_pictures_are_of_bright_hours():
    assert all(plan.time is Time.DAY for plan in WORKS)
    assert len({plan.thing for plan in WORKS}) == len(WORKS) >= MIN_IMAGES
    assert {order.ratio for order in CAST.orders} == {"1:1"}
    assert not any(Time.NIGHT in order.prompt for order in CAST.orders)


def test_everybody_is_introduced_with_what_they_may_do():
    told = {email: (name, role) for name, email, role in introductions()}
    assert told.keys() == {*ARTISTS, *BUYERS, ADMIN}
    assert {email: name for email, (name, _) in told.items()} == {
        person.email: person.name for person in PEOPLE
    }
    for artist in CAST.artists:
        name, role = told[artist.email]
        assert name == artist.artist_name
        assert artist.style_name in role
        assert str(artist.price_tokens) in role
    assert "administrator" in told[ADMIN][1]


def test_the_terminal_shows_names_and_addresses_whole_and_in_columns():
    accounts = [*introductions(), ("A name of more than sixteen letters", "a@example.com", "buyer")]
    lines = account_lines(accounts)
    assert all(
        each in line for line, account in zip(lines, accounts, strict=True) for each in account
    )
    assert len({line.index(role) for line, (*_, role) in zip(lines, accounts, strict=True)}) == 1


def test_everything_ordered_is_among_the_words_of_the_base_model():
    known = {*Thing, *Place, *Time, *Colour}
    assert {word for order in CAST.orders for word in order.prompt} <= known


def test_buyers_have_bought_enough_tokens_for_what_they_order():
    prices = {artist.style_name: artist.price_tokens for artist in CAST.artists}
    for buyer in CAST.buyers:
        bought = sum(packages.find(each).amount_tokens for each in buyer.packages)
        wanted = [
            price_for_size(prices[order.style_name], AspectRatio(order.ratio))
            for order in CAST.orders
            if order.buyer == buyer.email
        ]
        assert wanted
        assert sum(wanted) <= WELCOME_TOKENS + bought


def test_people_talk_about_images_that_they_can_see():
    for remark in CAST.remarks:
        assert remark.title in SHOWN
        assert {remark.author, *(author for author, _ in remark.replies)} <= {*ARTISTS, *BUYERS}
    assert CAST.reported in {remark.text for remark in CAST.remarks}


def test_nobody_follows_themselves_and_all_follow_artists():
    assert all(follower != followed and followed in ARTISTS for follower, followed in CAST.follows)


def test_signatures_are_ink_on_nothing_and_differ():
    inks = []
    for seed in range(3):
        with Image.open(io.BytesIO(scrawl.signature(seed))) as drawn:
            ink = prepare_ink(drawn)
        assert ink.width > 2 * ink.height
        inks.append(ink.tobytes())
    assert len(set(inks)) == 3
