"""Bodies and answers about the pages of artists."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError, Url as ParsedUrl

from webapp.domain.models.artist_page import MAX_ABOUT, MAX_LINKS, MAX_PINNED
from webapp.domain.models.shown_artwork import MAX_SHOWN
from webapp.schemas.fields import Answer, Body, Count, PlainText, Url, one_line
from webapp.schemas.generations import FeedCard
from webapp.schemas.shown_artworks import ShownArtworkView

MAX_URL, MAX_LABEL, MAX_HOST = 300, 40, 253
# Two or more labels, the last of which begins with a letter: no IP address, in no notation.
HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)
# RFC 6761, RFC 6762, and the name that ICANN reserved for private networks.
RESERVED = frozenset({"example", "internal", "invalid", "local", "localhost", "test"})


def public_address(text: str) -> str:
    """Return an https address of a public host as browsers read it (WHATWG URL).

    Raises PydanticCustomError for all else: another scheme, a user name or a port, an IP address,
    a host without a dot or with a reserved name.
    """
    try:
        parsed = ParsedUrl(text)
    except ValueError:
        raise _no_address() from None
    host, address = parsed.host or "", str(parsed)
    is_plain = address.startswith(f"https://{host}/")  # no user name, no password, no port
    is_public = HOST.fullmatch(host) and host.rpartition(".")[2] not in RESERVED
    if not is_plain or not is_public or len(host) > MAX_HOST or len(address) > MAX_URL:
        raise _no_address()
    return address


def _no_address() -> PydanticCustomError:
    return PydanticCustomError(
        "public_address", "Must be the address of a public web page that begins with https://."
    )


About = Annotated[
    PlainText,
    StringConstraints(max_length=MAX_ABOUT),
    Field(examples=["I draw harbors in ink.\n\nMy style is trained on forty of them."]),
]
Address = Annotated[
    PlainText,
    StringConstraints(min_length=1, max_length=MAX_URL),
    AfterValidator(public_address),
    Field(examples=["https://harbors.example.org/"], description="https, of a public host"),
]
Label = Annotated[
    PlainText,
    AfterValidator(one_line),
    StringConstraints(max_length=MAX_LABEL),
    Field(examples=["Portfolio"], description="beside it the host is shown"),
]


class ArtistLink(Body):
    """A link on the page of an artist."""

    url: Address
    label: Label = ""


class ArtistPageChanges(Body):
    """PATCH /users/me/artist-page: what is left out stays; `links` replaces all of them."""

    about: About | None = None
    links: list[ArtistLink] | None = Field(
        None,
        max_length=MAX_LINKS,
        examples=[[{"url": "https://harbors.example.org/", "label": "Portfolio"}]],
    )


class BannerForm(Body):
    """PUT /users/me/artist-page/banner: a file and no other field."""


class ArtistLinkView(Answer):
    """A link on the page of an artist, to another site."""

    url: Url
    label: str = Field(examples=["Portfolio"])
    host: str = Field(examples=["harbors.example.org"])


class ArtistPageView(Answer):
    """GET /users/:id/artist-page; the picture that was pinned last comes first."""

    about: str = Field(examples=["I draw harbors in ink."])
    banner_url: Url | None
    links: list[ArtistLinkView]
    follower_count: Count
    style_count: Count
    pinned_pictures: list[FeedCard] = Field(max_length=MAX_PINNED)
    shown_artworks: list[ShownArtworkView] = Field(
        max_length=MAX_SHOWN, description="artworks that the artist shows; no licence covers them"
    )
