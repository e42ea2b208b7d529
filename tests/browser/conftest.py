"""A browser in front of the whole product: one stack, one small world, one set of windows.

The world is that of `make up`, smaller: one artist, two buyers, a dozen images of the real
pipeline. Its training is short, see `short_trainings`.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.browser.visitor import DESK, PHONE, Visitor, new_context
from tests.browser.words import Words
from tests.page_parameters import page_parameters, people_of
from tests.stack import Stack
from webapp.embedded import world
from webapp.embedded.cast import ADA, ARTISTS, BUYERS, CAST, JUN, MINA, Cast
from webapp.embedded.person import Person

ENGINE = "tests.browser.short_trainings"
# The leases of production: two cores are shared with a browser here.
CHANGES = {
    "BASE_MODEL": "built-in",
    "ADAPTER_BITS": "4",  # as in `make world`: a fixture of all that the tests train stays small
    "STEP_LEASE_SECONDS": "60",
    "GENERATION_LEASE_SECONDS": "60",
    "SEGMENTATION_LEASE_SECONDS": "60",
    "TRAINING_LEASE_SECONDS": "120",
    "TRAINING_SLICE_SECONDS": "600",
    "PAYOUT_MINIMUM_TOKENS": "12",  # the price of one picture of this world
    # All that stands at the foot of every page.
    "OPERATOR_NAME": "스타일라이선스 주식회사",
    "OPERATOR_REPRESENTATIVE": "홍길동",
    "OPERATOR_BUSINESS_NUMBER": "123-45-67890",
    "OPERATOR_MAIL_ORDER_NUMBER": "2026-서울강남-01234",
    "OPERATOR_ADDRESS": "서울특별시 강남구 테헤란로 1, 2층",
    "OPERATOR_PHONE": "02-123-4567",
    "OPERATOR_EMAIL": "help@styles.example",
    "OPERATOR_HOSTING_PROVIDER": "Example Cloud",
}
THREADS = 32  # an open page holds one for its events, and one that was left until it is noticed
ORDERS = 8
PATIENCE_MS = 60_000


def small_cast() -> Cast:
    """One artist and two buyers, who order and say what concerns them."""
    artist, buyers = ARTISTS[0], {ADA, JUN}
    orders = [order for order in CAST.orders if order.buyer in buyers][:ORDERS]
    return replace(
        CAST,
        artists=(artist,),
        buyers=tuple(buyer for buyer in BUYERS if buyer.email in buyers),
        orders=tuple(replace(order, style_name=artist.style_name) for order in orders),
    )


@pytest.fixture(scope="session")
def service() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="style-license-browser-"))
    stack = Stack(folder, broker="redis", threads=THREADS, changes=CHANGES).start()
    try:
        stack.use_engine(ENGINE)
        yield stack
    finally:
        stack.stop()
        if "KEEP_STACK" not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def inhabited(service: Stack) -> Stack:
    """The site with its small world."""
    world.fill(service.environment, report=lambda _: None, cast=small_cast())
    return service


@pytest.fixture(scope="session")
def places(inhabited: Stack) -> dict[str, object]:
    """What the addresses of pages name."""
    return page_parameters(inhabited.site, people_of(MINA, ADA))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Overrides the plugin's: the system's browser."""
    expect.set_options(timeout=PATIENCE_MS)
    return browser_type_launch_args | chromium.launch_options()


# A test that names no window is the same in all four. TWO_WINDOWS has Korean on a phone.
@pytest.fixture(
    params=[pytest.param(PHONE, marks=pytest.mark.long), DESK],
    ids=["phone", "desk"],
)
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param


@pytest.fixture(params=["en", pytest.param("ko", marks=pytest.mark.long)])
def language(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def cookies(inhabited: Stack, browser: Browser) -> Callable[[str], Any]:
    """Signs somebody in once, for all windows of theirs."""
    emails, kept = people_of(MINA, ADA), {}

    def of(who: str) -> Any:
        if who not in kept:
            context = new_context(browser, inhabited.site, size=DESK, language="en")
            if who in emails:
                Visitor(context.new_page(), Words("en")).sign_in(emails[who])
            kept[who] = context.storage_state()
            context.close()
        return kept[who]

    return of


@pytest.fixture
def visit(
    service: Stack, browser: Browser, size: tuple[int, int], language: str
) -> Iterator[Callable[..., Visitor]]:
    """Opens windows, each of another browser; none of them may have complained in the end."""
    opened: list[Visitor] = []

    def open_window(**options: Any) -> Visitor:
        context = new_context(browser, service.site, size=size, language=language, **options)
        context.set_default_timeout(PATIENCE_MS)
        opened.append(Visitor(context.new_page(), Words(language)))
        return opened[-1]

    yield open_window
    complaints = [complaint for each in opened for complaint in each.complaints]
    for each in opened:
        each.page.context.close()
    assert complaints == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """Somebody nobody knows."""
    return visit()


@pytest.fixture(autouse=True)
def books(service: Stack) -> Iterator[None]:
    """After whatever people did the ledger must be proved."""
    yield
    assert service.violations() == []


@pytest.fixture
def at_a_price(service: Stack, places: dict[str, object]) -> Iterator[Callable[[int], object]]:
    """Lets the artist change the price of the style; at the end it is what it was."""
    path = f"/styles/{places['style']}"
    with Person(service.site, MINA).sign_in() as artist:
        yield lambda price: artist.patch(path, json={"prices": {"personal": price}})
        artist.patch(path, json={"prices": {"personal": ARTISTS[0].price_tokens}})
