"""A page as a browser would find it: its elements, texts and addresses."""

import json
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """The elements of an answer, in order, as (name, attributes)."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.structured: list[Any] = []  # JSON-LD
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem and is_data(self.elements[-1]):
            self.structured.append(json.loads(data))
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All words, blanks collapsed."""
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """The attributes of the elements of a name that have these attributes."""
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]

    def links(self) -> list[str]:
        return [link["href"] for link in self.all("a") if "href" in link]

    def own_code(self) -> list[str]:
        """Whatever the content security policy would refuse: inline code and styles."""
        found = [name for name, attributes in self.elements if "style" in attributes]
        found += [
            f"{name} {key}"
            for name, attributes in self.elements
            for key in attributes
            if key.startswith(("on", "hx-on", "hx-vars"))
            or attributes[key].startswith("javascript:")
        ]
        found += [f"<{name}>" for name, _ in self.elements if name == "style"]
        return found + [
            "<script>"
            for name, attributes in self.elements
            if name == "script" and "src" not in attributes and not is_data((name, attributes))
        ]


def is_data(element: tuple[str, dict[str, str]]) -> bool:
    """Whether this is a script element with data, which no browser runs."""
    name, attributes = element
    return name == "script" and attributes.get("type") == "application/ld+json"


def enter_presses(page: Page, action: str) -> dict[str, str]:
    """The button that a browser presses for Enter in a field of the form: the first one in it."""
    names = [(name, attributes.get("action")) for name, attributes in page.elements]
    inside = page.elements[names.index(("form", action)) :]
    return next(attributes for name, attributes in inside if name == "button")
