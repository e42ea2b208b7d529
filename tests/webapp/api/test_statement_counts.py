"""How often each page of the site asks the database: never more for longer lists."""

import secrets

import pytest

from tests import making
from tests.statements import statements

SIGN_IN = 1  # who asks is looked up once
READS = {
    "/generations/feed": 1,
    "/generations/feed?sort=popular&tags=boat&following=true": 2,  # walked first, then gathered
    "/generations/liked": 1,
    "/generations/me": 1,
    "/generations/{image}": 1,
    "/styles": 1,
    "/styles/{style}": 1,
    "/users/{artist}/artist-page": 3,  # and the pinned pictures, and the artworks that are shown
    "/users/{buyer}/collections": 1,
    "/auth/me": 3,  # balances, escrow, unread notifications
    "/tokens/balance": 2,
    "/tokens/transactions": 1,
    "/notifications": 2,  # and how many are unread
    "/notifications/unread-count": 1,
}


@pytest.fixture
def shop(session, storage, buyer, style, finish):
    """Four images of the buyer's, shown to everybody."""
    made = making.order(session, buyer, style, count=4)
    return [finish(each, is_public=True) for each in made]


def count(session, call) -> int:
    with statements(session) as seen:
        answer = call()
    assert answer.status_code in {200, 201, 202}
    return len(seen)


@pytest.mark.parametrize("path,expected", READS.items())
def test_a_read_asks_as_often_as_it_needs_to(
    session, buyer_client, buyer, artist, shop, path, expected
):
    address = "/api/v1" + path.format(
        image=shop[0].id, style=shop[0].style_id, artist=artist.user_id, buyer=buyer.id
    )
    assert count(session, lambda: buyer_client.get(address)) == SIGN_IN + expected


def test_an_order_asks_equally_often_for_each_image(session, sign_in, style):
    client = sign_in(making.user(session, tokens=1000))

    def order(images: int) -> int:
        body = {"style_id": style.id, "prompt_tags": ["boat"], "count": images}
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        path = "/api/v1/generations"
        return count(session, lambda: client.post(path, json=body, headers=headers))

    order(1)  # opens the escrow account, once for ever
    assert order(1) == SIGN_IN + 22  # the last is the position in the queue
    assert order(4) == SIGN_IN + 22 + 3 * 7
