"""What is asked of every page, at both sizes: in English by day, in Korean by night."""

import pytest

from tests.browser.visitor import DESK, PHONE
from tests.pages import PAGES, VISITOR

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)

FIRST_PAGE_BYTES = 200_000
THEME = {"en": "light", "ko": "dark"}


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def asked(request):
    return request.param


@pytest.mark.parametrize("size", [PHONE], ids=["phone and desk"])
def test_a_page_is_light_speaks_the_language_and_lets_everybody_in(
    visit, cookies, places, asked, language
):
    visitor = visit(storage_state=None if asked.who == VISITOR else cookies(asked.who))
    visitor.wear(THEME[language])
    visitor.forgive(asked.status, *asked.refusals)  # a script may be answered late
    answer = visitor.page.goto(asked.address.format(**places), wait_until="load")
    visitor.settle()
    assert answer.status == asked.status
    found = visitor.page.url.partition("#")[0]
    assert found.endswith(asked.address.format(**places)), "it led elsewhere"
    assert visitor.page.locator("html").get_attribute("lang") == language
    assert visitor.bytes_without_pictures() < FIRST_PAGE_BYTES
    assert not visitor.is_wider_than_its_window()
    assert visitor.barriers() == []
    visitor.resize(DESK)
    assert not visitor.is_wider_than_its_window()
    assert visitor.barriers() == []
