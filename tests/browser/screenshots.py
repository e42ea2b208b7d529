"""`make screenshots`: every page, 360 and 1440 wide, light and dark, in English and Korean.

The stack is that of `make up`, with its world; what is there already is not made again. Pictures
are named for page, width, theme and language, and lie in var/screenshots. Arguments name pages of
`tests.pages`; without any, all are photographed.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from rich.progress import track

from tests.browser import chromium
from tests.browser.visitor import DESK, PHONE, THEMES, Visitor, new_context
from tests.browser.words import Words
from tests.page_parameters import page_parameters, people_of
from tests.pages import PAGES, VISITOR, Page
from webapp.embedded import world
from webapp.embedded.cast import HANA, MINA
from webapp.embedded.fixture import FILE
from webapp.embedded.persisted import EmbeddedError
from webapp.embedded.supervisor import Stack

FOLDER = Path("var/screenshots")
LANGUAGES = ("en", "ko")
PEOPLE = people_of(MINA, HANA)
# Lazy pictures are below the window; a picture that cannot come is left to be seen as it is.
LOAD_ALL = """Promise.all([...document.images].map((image) => {
  image.loading = "eager";
  return image.decode().catch(() => {});
}))"""

HEIGHT = "document.documentElement.scrollHeight"


@contextmanager
def inhabited_site() -> Iterator[Stack]:
    """Run the stack of `make up` with its world; photographers are not counted."""
    said = lambda line: print(f"  {line}", flush=True)  # noqa: E731, T201 - talks to a person
    environ = os.environ | {"RATE_LIMITS_ENABLED": "false"}
    with Stack(Path("var"), environ=environ, fixture=FILE, report=said) as stack:
        world.inhabit(stack.directory, stack.environment, report=said)
        yield stack


def sign_in_all(browser: Browser, site: str) -> dict[str, object]:
    """Return what keeps each of them signed in."""
    kept = {}
    for who, email in PEOPLE.items():
        context = new_context(browser, site, size=DESK, language="en")
        Visitor(context.new_page(), Words("en")).sign_in(email)
        kept[who] = context.storage_state()
        context.close()
    return kept


def photograph(visitor: Visitor, page: Page, address: str, width: int) -> None:
    """Open a page, let its lazy pictures come, and keep it whole in both themes.

    The window grows to the height of the page: a screenshot with `full_page` emulates a window of
    its own, without touch, and `(pointer: coarse)` no longer matches.
    """
    visitor.page.goto(address, wait_until="load")
    visitor.page.evaluate(LOAD_ALL)
    for theme in THEMES:
        visitor.wear(theme)
        visitor.settle()
        visitor.resize((width, visitor.page.evaluate(HEIGHT)))
        name = f"{page.name}-{width}-{theme}-{visitor.words.language}.png"
        visitor.page.screenshot(path=FOLDER / name)


def main() -> None:
    """Photograph the pages that are named, or all."""
    wanted = [page for page in PAGES if not sys.argv[1:] or page.name in sys.argv[1:]]
    FOLDER.mkdir(parents=True, exist_ok=True)
    if len(wanted) == len(PAGES):
        for old in FOLDER.glob("*.png"):
            old.unlink()
    try:
        with inhabited_site() as stack, sync_playwright() as playwright:
            _photograph(playwright.chromium.launch(**chromium.launch_options()), stack, wanted)
    except EmbeddedError as error:
        sys.exit(str(error))


def _photograph(browser: Browser, stack: Stack, wanted: list[Page]) -> None:
    site = stack.urls["web"]
    places, cookies = page_parameters(site, PEOPLE), sign_in_all(browser, site)
    windows = [(page, size, language) for page in wanted
               for size in (PHONE, DESK) for language in LANGUAGES]  # fmt: skip
    for page, size, language in track(windows, "photographing"):
        state = None if page.who == VISITOR else cookies[page.who]
        context = new_context(browser, site, size=size, language=language, storage_state=state)
        visitor = Visitor(context.new_page(), Words(language))
        photograph(visitor, page, page.address.format(**places), size[0])
        context.close()


if __name__ == "__main__":
    main()
