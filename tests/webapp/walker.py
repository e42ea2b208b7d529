"""One person's walk over the whole site: every GET route of the URL map, then every link, to the
end.

Each address is opened as a browser opens it, and as scripts and other programs ask for it.
"""

import io
import json
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from PIL import Image

from tests.webapp.pages.reading import Page
from webapp.http.endpoints import Access, endpoint_of

# How a browser opens a page, how htmx asks for a piece of one, and how a program asks.
HEADERS = {
    "browser": {
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Sec-Fetch-Mode": "navigate",
    },
    "fragment": {"Accept": "*/*", "HX-Request": "true", "Sec-Fetch-Mode": "cors"},
    "program": {"Accept": "application/json"},
}
FIRST_ERROR, SERVER_ERROR = 400, 500
FOR_PROGRAMS = ("/api/", "/storage/")
# Files of the product itself; probes, which have no reader.
NOT_WALKED = ("/static/", "/swatches/", "/apple-touch-icon.png", "/healthz", "/readyz", "/metrics")
ADDRESS = re.compile(r"""(?:^|(?<=[\s"'(,=>]))(?:http://localhost:8000)?/(?!/)[^\s"'<>\\,]*""")
MOST_ALIKE = 2  # addresses that are followed of one path with the same fields in its query
FEWEST_WORDS = 3  # of an explanation


@dataclass(frozen=True)
class Seen:
    """One answer, read whole."""

    path: str
    manner: str
    status: int
    media: str
    headers: str
    body: bytes

    @property
    def text(self) -> str:
        """What a reader of the answer may find: its headers and, unless it is a file, its body."""
        is_text = self.media.startswith(("text/", "application/"))
        return self.headers + (self.body.decode(errors="replace") if is_text else "")

    @property
    def name(self) -> str:
        return f"{self.manner} {self.path}: {self.status} {self.media}"

    @property
    def is_explained(self) -> bool:
        """Whether an error says what is wrong: as a page in words, or with a code to a program."""
        if self.media == "application/json":
            error = json.loads(self.body)["error"]
            is_for_program = self.manner == "program" and self.path.startswith(FOR_PROGRAMS)
            return bool(is_for_program and error["code"] and error["message"])
        if self.media != "text/html":
            return False
        main = re.search(rb"<main.*?</main>", self.body, re.DOTALL)
        words = re.sub(r"<[^>]*>", " ", main[0].decode()).split() if main else []
        return len(words) >= FEWEST_WORDS

    @property
    def longest_side(self) -> int:
        """Of a picture, in pixels; 0 of anything else."""
        if not self.media.startswith("image/"):
            return 0
        with Image.open(io.BytesIO(self.body)) as picture:
            return max(picture.size)


def walk(app: Flask, client: Any, values: Mapping[str, Collection[object]]) -> list[Seen]:
    """Open every GET route with all `values` of its parts, and all that the answers lead to.

    A route with a part that has no values raises KeyError.
    """
    waiting = deque(addresses(app, values))
    known, alike, refused, seen = set(waiting), Counter(), set(), []
    while waiting:
        path = waiting.popleft()
        first, second = manners(path)
        answers = [opened(client, path, first)]
        # Where everything is refused alike, one refusal of each kind is asked for a second time.
        kind = (re.sub(r"\d+", "0", path), answers[0].status)
        if answers[0].status < FIRST_ERROR or kind not in refused:
            answers.append(opened(client, path, second))
        if answers[0].status >= FIRST_ERROR:
            refused.add(kind)
        seen += answers
        for found in (link for answer in answers for link in _links(answer)):
            fields = _fields(found)
            if found not in known and alike[fields] < MOST_ALIKE:
                known.add(found)
                alike[fields] += 1
                waiting.append(found)
    return seen


def addresses(app: Flask, values: Mapping[str, Collection[object]]) -> Iterator[str]:
    """Yield an address for every GET route: all values for the first route of a view."""
    for rule, view, is_first in _walked(app):
        parts = {
            name: sorted(converter.items) if hasattr(converter, "items") else values[name]
            for name, converter in rule._converters.items()
        }
        for each in product(*parts.values()):
            chosen = dict(zip(parts, map(str, each), strict=True))
            path = re.sub(r"<(?:.*?:)?(\w+)>", lambda part, of=chosen: of[part[1]], rule.rule)
            yield path
            if not is_first:
                break
            yield from (f"{path}?{name}={value}" for name, value in _choices(view))


def asking(app: Flask, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each public address without parts that may be asked with a field, and the field.

    The API's document names its fields; a page may read any.
    """
    for rule, view, is_first in _walked(app):
        if is_first and not rule.arguments and endpoint_of(view).access is Access.PUBLIC:
            known = getattr(_query(view), "model_fields", names)
            is_api = rule.rule.startswith(FOR_PROGRAMS)
            yield from ((rule.rule, name) for name in names if not is_api or name in known)


def _walked(app: Flask) -> Iterator[tuple[Any, Any, bool]]:
    """Yield the GET routes for people: rule, view, and whether it is the first one of its view."""
    views = set()
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        is_internal = endpoint_of(view).access is Access.INTERNAL
        if "GET" in rule.methods and not is_internal and not rule.rule.startswith(NOT_WALKED):
            yield rule, view, view not in views
            views.add(view)


def _query(view: Any) -> Any:
    return getattr(endpoint_of(view).operation, "query", None)


def _choices(view: Any) -> Iterator[tuple[str, str]]:
    """Yield each value of each field of the query that has only a few."""
    for name, field in getattr(_query(view), "model_fields", {}).items():
        kinds = {field.annotation, *get_args(field.annotation)}
        kinds |= {each for kind in kinds for each in get_args(kind)}
        values = ("true", "false") if bool in kinds else kinds
        yield from ((name, value) for value in values if isinstance(value, str))


def manners(path: str) -> tuple[str, str]:
    return ("program", "browser") if path.startswith(FOR_PROGRAMS) else ("browser", "fragment")


def opened(client: Any, path: str, manner: str) -> Seen:
    answer = client.get(path, headers=HEADERS[manner], buffered=True)
    return Seen(
        path=path,
        manner=manner,
        status=answer.status_code,
        media=answer.mimetype or "",
        headers="".join(f"{name}: {value}\n" for name, value in answer.headers),
        body=answer.data,
    )


def _fields(address: str) -> tuple[str, frozenset[str]]:
    path, _, query = address.partition("?")
    return path, frozenset(parse_qs(query, keep_blank_values=True))


def _links(seen: Seen) -> Iterator[str]:
    """Yield the addresses of this site in an answer, wherever they stand in it."""
    if seen.status >= FIRST_ERROR:
        return
    texts = [seen.headers]
    if seen.media == "text/html":
        page = Page(type("Answer", (), {"text": seen.body.decode()}))
        texts += [value for _, attributes in page.elements for value in attributes.values()]
    elif seen.media.startswith(("application/json", "application/xml", "text/")):
        texts.append(seen.body.decode().replace("&amp;", "&"))
    for text in texts:
        for address in ADDRESS.findall(text):
            parts = urlsplit(address)
            if not parts.path.startswith(NOT_WALKED):
                yield parts.path + (f"?{parts.query}" if parts.query else "")
