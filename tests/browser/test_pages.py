"""What every page must do, at both sizes: English in the light theme, Korean in the dark one."""

import pytest

from tests.browser.visitor import DESK, PHONE
from tests.pages import PAGES, VISITOR

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)

FIRST_PAGE_BYTES = 200_000
THEME = {"en": "light", "ko": "dark"}


WAYS = {
    "desk-en": (DESK, "en", None),
    "phone-ko": (PHONE, "ko", None),
    "phone-then-desk-en": (PHONE, "en", DESK),
    "desk-then-phone-ko": (DESK, "ko", PHONE),
}


def every_page_in_every_way():
    """Yield all cases; the first two ways take turns in `make test`, the others are long."""
    for index, page in enumerate(PAGES):
        for number, (name, way) in enumerate(WAYS.items()):
            marks = () if number == index % 2 else pytest.mark.long
            yield pytest.param(page, *way, id=f"{page.name}-{name}", marks=marks)


@pytest.mark.parametrize("asked, size, language, resized", list(every_page_in_every_way()))
def test_a_page_is_light_speaks_the_language_and_lets_everybody_in(
    visit, cookies, places, asked, language, resized
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
    if resized is None:
        return
    visitor.resize(resized)
    assert not visitor.is_wider_than_its_window()
    assert visitor.barriers() == []
