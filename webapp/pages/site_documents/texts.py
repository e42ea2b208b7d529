"""The parts of a document of the site, and how its texts get their numbers.

A text names a number as `%(welcome_tokens)s`, a field of `Figures`; so a per cent sign is written
`%%`. A document keeps its versions by their dates: the texts of an earlier version stay as they
are, and its numbers are those of today.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from flask_babel import LazyString


class Table(StrEnum):
    """The tables that a section can show, as their templates."""

    TOKENS = "documents/tokens.html"
    CREDITS = "documents/credits.html"
    PLANS = "sets/plans.html"


@dataclass(frozen=True)
class Link:
    """A path of this site, and the text of the link to it."""

    path: str
    label: LazyString


@dataclass(frozen=True)
class Section:
    """A section: paragraphs, then points of a list, a table, and links; `id` is its anchor."""

    id: str
    title: LazyString
    paragraphs: tuple[LazyString, ...] = ()
    points: tuple[LazyString, ...] = ()
    table: Table | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Document:
    """One version of a document."""

    title: LazyString
    summary: LazyString
    sections: tuple[Section, ...]


# Versions by their dates (ISO 8601), the newest first.
Versions = Mapping[str, Document]
