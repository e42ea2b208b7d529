"""An artist asks to be paid, an administrator decides, and the month's statement says so."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS
from tests.pages import ADMINISTRATOR, ARTIST

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


def ask(artist, tokens="12"):
    artist.open("/wallet")
    artist.field("Earned tokens to be paid out").fill(tokens)
    artist.button("Request payout").click()
    newest = artist.page.locator(".payouts li").first
    expect(newest).to_contain_text(artist.words("Requested"))
    return newest


def the_request(admin):
    admin.open("/admin/payouts")
    item = admin.page.locator(".item")
    expect(item).to_have_count(1)
    return item


def opened(item, label):
    """Open one of the forms of a request, and return it."""
    item.locator("summary").filter(has_text=label).click()
    form = item.locator("details[open] form")
    expect(form).to_be_visible()
    return form


@TWO_WINDOWS
def test_a_request_is_withdrawn_declined_and_settled(visit, cookies, tmp_path):
    artist = visit(storage_state=cookies(ARTIST))
    newest = ask(artist)
    artist.check_in_both_themes()
    artist.button("Withdraw").click()
    expect(newest).to_contain_text(artist.words("Withdrawn"))

    ask(artist)
    admin = visit(storage_state=cookies(ADMINISTRATOR))
    item = the_request(admin)
    declining = opened(item, admin.words("Decline"))
    admin.check_in_both_themes()
    declining.get_by_label(admin.words("Reason (for the log)")).fill("Another name at the bank.")
    declining.get_by_role("button", name=admin.words("Decline"), exact=True).click()
    expect(item.get_by_role("status")).to_have_text(
        admin.words("Declined. The artist was notified.")
    )
    artist.open("/wallet")
    expect(artist.page.locator(".payouts li").first).to_contain_text("Another name at the bank.")

    ask(artist)
    item = the_request(admin)
    settling = opened(item, admin.words("Paid…"))
    admin.check_in_both_themes()
    settling.get_by_label(admin.words("Paid, in ₩")).fill("800")
    settling.get_by_label(admin.words("Reference of the bank transfer")).fill("KB 0042")
    paid = settling.get_by_role("button", name=admin.words("Record as paid"), exact=True)
    with admin.expecting(422, "Response Status Error Code 422"):
        paid.click()
        expect(item.locator(".outcome .problem")).to_be_visible()
    note = admin.words("Note for the artist, required if less was paid")
    settling.get_by_label(note).fill("Tax withheld.")
    paid.click()
    expect(item.locator(".outcome .done")).to_be_visible()
    artist.open("/wallet")
    newest = artist.page.locator(".payouts li").first
    expect(newest).to_contain_text(artist.words("Paid out"))
    expect(newest).to_contain_text("₩800")
    artist.check_in_both_themes()

    rows = statement(artist, "CSV", tmp_path)
    assert rows[-2]["reference"] == "KB 0042"
    moved = sum(int(row["tokens"]) for row in rows[1:-1])
    assert int(rows[0]["balance"]) + moved == int(rows[-1]["balance"])
    with artist.page.expect_download() as download:
        artist.page.locator(".statements a").filter(has_text="PDF").first.click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")

    record_the_return(admin)
    artist.open("/wallet")
    newest = artist.page.locator(".payouts li").first
    expect(newest).to_contain_text(artist.words("Returned by the bank"))
    expect(newest).to_contain_text("No such account.")
    artist.check_in_both_themes()


def record_the_return(admin):
    """Record that the bank returned the money of the only settled request."""
    admin.open("/admin/payouts?status=settled")
    item = admin.page.locator(".item")
    returning = opened(item, admin.words("Returned by the bank"))
    admin.check_in_both_themes()
    returning.get_by_label(admin.words("Reason (for the log)")).fill("No such account.")
    returning.get_by_role("button", name=admin.words("Returned by the bank"), exact=True).click()
    expect(item.locator(".outcome .done")).to_be_visible()


def statement(artist, ending, folder):
    """Download the newest statement, and return its rows."""
    with artist.page.expect_download() as download:
        artist.page.locator(".statements a").filter(has_text=ending).first.click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
