"""The world of `make up`, small: made by the real pipeline, and found by whoever comes again."""

import pytest

from tests.browser.conftest import ORDERS, small_cast
from webapp.embedded import world
from webapp.embedded.cast import ADMIN

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)

COUNTS = """
SELECT (SELECT count(*) FROM users WHERE role = 'artist') AS artists,
       (SELECT count(*) FROM users WHERE role = 'admin' AND email = :admin) AS admins,
       (SELECT count(*) FROM styles WHERE training_status = 'completed') AS styles,
       (SELECT count(*) FROM generations WHERE status = 'completed') AS images,
       (SELECT count(*) FROM likes) AS likes,
       (SELECT count(*) FROM comments) AS comments,
       (SELECT count(*) FROM follows) AS follows,
       (SELECT count(*) FROM purchases WHERE status = 'paid') AS purchases
"""


def test_a_world_is_full_and_a_second_filling_changes_nothing(inhabited):
    [before] = inhabited.rows(COUNTS, admin=ADMIN)
    assert all(before), before
    assert before.images >= ORDERS
    world.fill(inhabited.environment, report=lambda _: None, cast=small_cast())
    [after] = inhabited.rows(COUNTS, admin=ADMIN)
    assert after == before
