import pytest
from pydantic import ValidationError

from webapp.schemas.artist_pages import MAX_URL, ArtistLink, ArtistPageChanges


@pytest.mark.parametrize(
    "written, stored",
    [
        ("https://example.org", "https://example.org/"),
        (" HTTPS://Example.ORG/A b?c=1#d ", "https://example.org/A%20b?c=1#d"),
        ("https://example.org:443/", "https://example.org/"),
        ("https://한국.kr/길", "https://xn--3e0b707e.kr/%EA%B8%B8"),
        # A Cyrillic letter is seen: the host is stored and shown in ASCII.
        ("https://exаmple.org", "https://xn--exmple-4nf.org/"),
        ('https://example.org/"onclick="x', "https://example.org/%22onclick=%22x"),
        ("https://example.org\\@evil.org/", "https://example.org/@evil.org/"),
    ],
)
def test_an_address_is_stored_as_browsers_read_it(written, stored):
    assert ArtistLink(url=written).url == stored


@pytest.mark.parametrize(
    "written",
    [
        "",
        "example.org",
        "//example.org",
        "http://example.org",
        "ftp://example.org",
        "javascript:alert(1)",
        "JaVaScRiPt://example.org/%0aalert(1)",
        "https://javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "https://mina@example.org",
        "https://example.org@evil.org",
        "https://:secret@example.org",
        "https://example.org:8443",
        "https://127.0.0.1",
        "https://2130706433",
        "https://0x7f.1",
        "https://１２７.0.0.1",
        "https://1.2.3.4.",
        "https://[::1]/",
        "https://localhost",
        "https://example.org.",
        "https://printer.local",
        "https://db.internal",
        "https://a..org",
        "https://-a-.org",
        "https://under_score.org",
        "https://",
        "https://exam\u200bple.org",
        "https://example.org/\u202egpj.exe",
        "https://example.org/" + "a" * MAX_URL,
        "https://example.org/" + "길" * 40,  # nine characters each when it is stored
        "https://" + "a" * 64 + ".org",
        "https://" + "a." * 127 + "org",
    ],
)
def test_what_is_no_public_https_address_is_refused(written):
    with pytest.raises(ValidationError):
        ArtistLink(url=written)


@pytest.mark.parametrize("label", ["x" * 41, "Port\u200bfolio", "e" + "\u0301" * 9])
def test_a_label_is_short_and_visible(label):
    with pytest.raises(ValidationError):
        ArtistLink(url="https://example.org", label=label)


def test_a_label_is_one_line():
    assert ArtistLink(url="https://example.org", label=" My\n\tshop ").label == "My shop"


def test_a_page_has_at_most_five_links_and_two_thousand_characters():
    link = {"url": "https://example.org"}
    assert len(ArtistPageChanges(links=[link] * 5).links) == 5
    assert len(ArtistPageChanges(about="가" * 2000).about) == 2000
    for wrong in ({"links": [link] * 6}, {"about": "가" * 2001}, {"about": "a\u200bb"}):
        with pytest.raises(ValidationError):
            ArtistPageChanges(**wrong)
