"""A person in a browser; console errors and failed requests of the pages are collected."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response

from tests.browser.words import Words

PHONE, DESK = (360, 740), (1440, 900)
THEMES = ("light", "dark")
# Of a test whose subject differs with the window.
EVERYWHERE = pytest.mark.parametrize(
    "size,language",
    [
        (PHONE, "ko"),
        (DESK, "en"),
        pytest.param(PHONE, "en", marks=pytest.mark.long),
        pytest.param(DESK, "ko", marks=pytest.mark.long),
    ],
    ids=["phone-ko", "desk-en", "phone-en", "desk-ko"],
)
# Of a journey, which is the same in both; `test_pages` opens its pages in all four.
TWO_WINDOWS = pytest.mark.parametrize(
    "size,language",
    [(PHONE, "ko"), pytest.param(DESK, "en", marks=pytest.mark.long)],
    ids=["phone-ko", "desk-en"],
)
SETTLED_MS = 200
# A page that is left gives up what it still waits for; the browser says so with this.
GIVEN_UP = "net::ERR_ABORTED"
PICTURES = frozenset({"image", "media"})


def new_context(
    browser: Browser, site: str, *, size: tuple[int, int], language: str, **options: Any
) -> BrowserContext:
    """Open a fresh browser of a size and a language, in which nothing moves by itself."""
    width, height = size
    return browser.new_context(
        base_url=site,
        viewport={"width": width, "height": height},
        has_touch=size == PHONE,
        locale={"en": "en-US", "ko": "ko-KR"}[language],
        timezone_id="Asia/Seoul",
        reduced_motion="reduce",
        **options,
    )


class Visitor:
    """One page of one browser, what it is to say, and what went wrong in it."""

    def __init__(self, page: Page, words: Words) -> None:
        self.page = page
        self.words = words
        self.complaints: list[str] = []
        self._finished: list[Request] = []
        self._forgiven: set[int | str] = set()
        page.on("console", lambda said: self._hear(said.type, said.text, said.location["url"]))
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.on("requestfinished", lambda request: self._finished.append(request))  # noqa: PLW0108 - playwright marks its handlers

    # ── listening ────────────────────────────────────────────────────────────────────────────

    def _hear(self, kind: str, text: str, address: str) -> None:
        # What was refused is heard as an answer; the browser's own line about it says less.
        expected = (
            "Failed to load resource",
            *(each for each in self._forgiven if isinstance(each, str)),
        )
        if kind in {"error", "warning"} and not text.startswith(expected):
            self.complaints.append(f"console: {text} ({address})")

    def _failed(self, request: Request) -> None:
        if request.failure not in {GIVEN_UP, *self._forgiven}:
            self.complaints.append(f"failed: {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._forgiven:
            self.complaints.append(f"answered {response.status}: {response.url}")

    def forgive(self, *refusals: int | str) -> None:
        """Take refusals for what this visit is about: by status, by the name of a failure, or by
        how the line about them in the console begins.
        """
        self._forgiven |= set(refusals)

    @contextmanager
    def expecting(self, *refusals: int | str) -> Iterator[None]:
        """Forgive refusals for as long as it takes."""
        self.forgive(*refusals)
        yield
        self._forgiven -= set(refusals)

    # ── acting ───────────────────────────────────────────────────────────────────────────────

    def open(self, address: str) -> None:
        self.page.goto(address)

    def sign_in(self, email: str, *, then: str = "/") -> None:
        """Sign in at the sandbox without being asked who to be."""
        asked = {"login_hint": email, "next": then}
        self.open(f"/api/v1/auth/google/login?{urlencode(asked)}")

    def sign_up(self, *, then: str = "/") -> None:
        """Sign in with an address that nobody had before."""
        self.sign_in(f"{secrets.token_hex(4)}@example.com", then=then)

    def add_tag(self, word: str) -> None:
        """Add a tag to the order of the style page that is open."""
        field = self.page.locator(".tags-input input").first
        field.fill(word)
        field.press("Enter")

    def link(self, message: str, *, exact: bool = True, **values: object) -> Locator:
        return self.page.get_by_role("link", name=self.words(message, **values), exact=exact)

    def button(self, message: str, *, exact: bool = True, **values: object) -> Locator:
        return self.page.get_by_role("button", name=self.words(message, **values), exact=exact)

    def heading(self, message: str, **values: object) -> Locator:
        return self.page.get_by_role("heading", name=self.words(message, **values))

    def field(self, message: str, *, exact: bool = True, **values: object) -> Locator:
        return self.page.get_by_label(self.words(message, **values), exact=exact)

    def radio(self, message: str, **values: object) -> Locator:
        return self.page.get_by_role("radio", name=self.words(message, **values), exact=True)

    def text(self, message: str, **values: object) -> Locator:
        return self.page.get_by_text(self.words(message, **values), exact=True)

    # ── judging ──────────────────────────────────────────────────────────────────────────────

    def wear(self, theme: str) -> None:
        """Let the system be light or dark."""
        self.page.emulate_media(color_scheme=theme)

    def resize(self, size: tuple[int, int]) -> None:
        """Look at the same page in a larger or smaller window."""
        width, height = size
        self.page.set_viewport_size({"width": width, "height": height})

    def settle(self) -> None:
        """Let the page arrive whole, and scripts end what they began with."""
        self.page.wait_for_load_state()  # streams of events, which go on for ever, do not count
        self.page.wait_for_timeout(SETTLED_MS)

    def barriers(self) -> list[str]:
        """What axe finds in the way of people: rule and place."""
        self.page.wait_for_load_state()
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(Axe().axe_script)
        found = self.page.evaluate(
            "axe.run({resultTypes: ['violations']}).then((r) => r.violations)"
        )
        return [
            f"{each['id']}: {node['target'][0]}: {_why(node)}"
            for each in found
            for node in each["nodes"]
        ]

    def check_in_both_themes(self) -> None:
        """Check that the page fits its window and that axe finds nothing, in light and dark."""
        for theme in THEMES:
            self.wear(theme)
            self.settle()
            assert not self.is_wider_than_its_window()
            assert self.barriers() == []

    def bytes_without_pictures(self) -> int:
        """What came over the wire until now, as it was packed."""
        sizes = [
            request.sizes() for request in self._finished if request.resource_type not in PICTURES
        ]
        return sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)

    def is_wider_than_its_window(self) -> bool:
        self.page.wait_for_load_state()
        return self.page.evaluate("document.documentElement.scrollWidth > innerWidth")


def _why(node: dict[str, Any]) -> str:
    reasons = [reason["message"] for kind in ("any", "all", "none") for reason in node[kind]]
    return reasons[0] if reasons else ""
