"""The people of the world of `make up` can do what is written for them."""

import io
from collections import Counter

from PIL import Image

from gpu.pretrain.styles import HELD_OUT
from gpu.pretrain.vocabulary import Colour, Place, Thing, Time
from gpu.signature.ink import prepare_ink
from webapp.domain.services import packages
from webapp.domain.services.ledger import WELCOME_TOKENS
from webapp.embedded import scrawl
from webapp.embedded.cast import ADMIN, CAST
from webapp.sandbox.google import PEOPLE

ARTISTS = [artist.email for artist in CAST.artists]
BUYERS = [buyer.email for buyer in CAST.buyers]
SHOWN = {order.title: order for order in CAST.orders if order.is_public}


def test_a_visitor_can_be_anybody_of_them_at_the_sandbox():
    assert {*ARTISTS, *BUYERS, ADMIN} == {person.email for person in PEOPLE}


def test_three_artists_draw_in_hands_that_the_base_model_never_saw():
    hands = {artist.hand for artist in CAST.artists}
    assert len(hands) == 3
    assert hands <= set(HELD_OUT)


def test_sixty_images_are_ordered_twenty_in_each_style():
    assert len({order.title for order in CAST.orders}) == 60
    styles = [artist.style_name for artist in CAST.artists]
    assert Counter(order.style_name for order in CAST.orders) == dict.fromkeys(styles, 20)
    assert {order.ratio for order in CAST.orders} == {"1:1", "2:2", "1:2"}


def test_everything_ordered_is_among_the_words_of_the_base_model():
    known = {*Thing, *Place, *Time, *Colour}
    assert {word for order in CAST.orders for word in order.prompt} <= known


def test_buyers_have_bought_enough_tokens_for_what_they_order():
    prices = {artist.style_name: artist.price_tokens for artist in CAST.artists}
    for buyer in CAST.buyers:
        bought = sum(packages.find(each).amount_tokens for each in buyer.packages)
        wanted = [prices[order.style_name] for order in CAST.orders if order.buyer == buyer.email]
        assert wanted
        assert sum(wanted) <= WELCOME_TOKENS + bought


def test_people_talk_about_images_that_they_can_see():
    for remark in CAST.remarks:
        assert remark.title in SHOWN
        assert {remark.who, *(who for who, _ in remark.replies)} <= {*ARTISTS, *BUYERS}
    assert CAST.reported in {remark.text for remark in CAST.remarks}


def test_nobody_follows_themselves_and_all_follow_artists():
    assert all(who != whom and whom in ARTISTS for who, whom in CAST.follows)


def test_signatures_are_ink_on_nothing_and_differ():
    inks = []
    for seed in range(3):
        with Image.open(io.BytesIO(scrawl.signature(seed))) as drawn:
            ink = prepare_ink(drawn)
        assert ink.width > 2 * ink.height
        inks.append(ink.tobytes())
    assert len(set(inks)) == 3
