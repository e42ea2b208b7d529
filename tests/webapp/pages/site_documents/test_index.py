from dataclasses import replace

import pytest

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.services import ledger, purchases, sets_jobs
from webapp.pages.site_documents import figures
from webapp.pages.site_documents.index import DOCUMENTS, current_version
from webapp.pages.site_documents.texts import Table

LANGUAGES = ("en", "ko")
FOOTER = {"/how-it-works", "/licenses", "/verify", "/terms", "/privacy", "/refunds", "/contact"}
every_document = pytest.mark.parametrize("name", DOCUMENTS)


def opened(client, address, language="en"):
    answer = client.get(address, headers={"Accept-Language": language})
    assert answer.status_code == 200, address
    return Page(answer)


@every_document
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_document_is_whole_in_both_languages(client, name, language):
    page = opened(client, f"/{name}", language)
    document = DOCUMENTS[name][current_version(name)]
    assert page.all("html")[0]["lang"] == language
    assert len(page.all("h1")) == 1
    assert page.own_code() == []
    assert "%" not in page.text.replace("%%", "")
    ids = [section.id for section in document.sections]
    assert len(set(ids)) == len(ids)
    assert {f"#{each}" for each in ids} <= set(page.links())
    assert page.all("link", rel="canonical", href=f"http://localhost:8000/{name}")


@every_document
def test_a_version_has_an_address_of_its_own_and_an_unknown_one_is_not_found(client, name):
    for version in DOCUMENTS[name]:
        assert version in opened(client, f"/{name}/{version}").text
    for unknown in ("2020-01-01", "latest", "2026-11-29x"):
        assert client.get(f"/{name}/{unknown}").status_code == 404


@every_document
def test_an_earlier_version_stays_readable_and_leads_to_the_one_in_force(client, monkeypatch, name):
    now = current_version(name)
    earlier = replace(DOCUMENTS[name][now], title="As it was")
    monkeypatch.setitem(DOCUMENTS, name, {now: DOCUMENTS[name][now], "2025-01-31": earlier})
    page = opened(client, f"/{name}/2025-01-31")
    assert "As it was" in page.text
    assert "This is an earlier version." in page.text
    assert f"/{name}" in page.links()
    assert page.all("meta", name="robots", content="noindex")
    assert page.all("link", rel="canonical", href=f"http://localhost:8000/{name}/2025-01-31")
    in_force = opened(client, f"/{name}")
    assert "As it was" not in in_force.text
    assert f"/{name}/2025-01-31" in in_force.links()
    assert in_force.all("meta", name="robots") == []


@every_document
def test_the_links_of_a_document_lead_somewhere(client, buyer_client, name):
    for section in DOCUMENTS[name][current_version(name)].sections:
        for link in section.links:
            assert client.get(link.path).status_code in {200, 302}, link.path
            assert buyer_client.get(link.path).status_code == 200, link.path


def test_every_table_is_shown_by_some_document():
    tables = {
        section.table
        for versions in DOCUMENTS.values()
        for document in versions.values()
        for section in document.sections
    }
    assert set(Table) <= tables


def test_the_numbers_are_those_of_code_and_settings(app, client, monkeypatch):
    page = opened(client, "/how-it-works")
    assert "between ₩80 and ₩100" in page.text
    assert "from 1 to 10,000 tokens" in page.text
    assert "₩45,000" in page.text
    monkeypatch.setattr(ledger, "WELCOME_TOKENS", 37)
    monkeypatch.setattr(purchases, "LIFETIME", 3 * purchases.LIFETIME)
    monkeypatch.setattr(sets_jobs, "RETENTION", 2 * sets_jobs.RETENTION)
    assert "A new account gets 37 tokens" in opened(client, "/how-it-works").text
    assert "expires after 90 minutes" in opened(client, "/refunds").text
    assert "all files 60 days after" in opened(client, "/privacy").text
    changed = app.extensions["settings"].model_copy(
        update={
            "notification_retention_days": 45,
            "unread_notification_retention_days": 1000,
            "payout_within_days": 21,
        }
    )
    monkeypatch.setitem(app.extensions, "settings", changed)
    text = opened(client, "/privacy").text
    assert "45 days after they were created if they were read" in text
    assert "otherwise after 1,000 days" in text
    text = opened(client, "/how-it-works").text
    assert "The money of a payout is transferred within 21 days of its request." in text


def test_no_number_of_the_texts_is_typed_by_hand(app):
    known = set(figures.Figures.__dataclass_fields__)
    used = set()
    with app.test_request_context():
        for versions in DOCUMENTS.values():
            for document in versions.values():
                for section in document.sections:
                    for text in (*section.paragraphs, *section.points):
                        names = {name for name in known if f"%({name})s" in str(text)}
                        used |= names
                        bare = str(text)
                        for name in names:
                            bare = bare.replace(f"%({name})s", "")
                        assert not any(letter.isdigit() for letter in bare), text
    assert used == known


def test_an_artist_earns_the_whole_price_and_cannot_spend_it_as_the_documents_say(
    session, buyer, artist, style, finish
):
    before = ledger.balances(session, artist.user_id)
    finish(making.order(session, buyer, style)[0])
    after = ledger.balances(session, artist.user_id)
    assert after.earned == before.earned + style.price_tokens
    assert after.spendable == before.spendable


def test_the_footer_of_every_page_leads_to_the_documents(client, buyer_client, image):
    for someone in (client, buyer_client):
        for address in ("/", "/nowhere", f"/l/{image.license_public_id}", "/terms"):
            assert set(Page(someone.get(address)).links()) >= FOOTER, address
    for address in FOOTER:
        for language in LANGUAGES:
            opened(client, address, language)
    assert Page(client.get("/")).all("nav", **{"aria-label": "About this site"})


def test_the_footer_marks_the_page_that_is_open(client):
    page = Page(client.get("/terms"))
    marked = [each["href"] for each in page.all("a", **{"aria-current": "page"})]
    assert marked == ["/terms"]
