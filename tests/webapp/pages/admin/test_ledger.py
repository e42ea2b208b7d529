from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from sqlalchemy import text

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.ledger import Transfer
from webapp.domain.services import ledger, purchases


def count(client, query=""):
    return len(Page(client.get(f"/admin/ledger{query}")).all("tr")[1:])


@pytest.fixture
def bought(session, buyer):
    made = purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")
    ledger.credit_purchase(session, made)
    session.commit()
    return made


def test_a_row_names_both_sides_and_what_it_was_for(admin_client, image, buyer, artist):
    page = Page(admin_client.get(f"/admin/ledger?generation_id={image.id}"))
    assert "Price of a picture, to its artist Held" in page.text
    assert f"Picture ordered {buyer.username} available Held Picture {image.id} 10" in page.text
    assert f"/admin/refund?generation_id={image.id}" in page.links()
    assert f"/admin/users/{artist.user_id}" in page.links()


def test_a_picture_is_named_by_its_number_or_its_address(admin_client, image):
    for typed in (image.id, f"/g/{image.id}", f"https://example.org/g/{image.id}/?x=1"):
        assert count(admin_client, f"?generation_id={quote(str(typed))}") == 2
    for typed in ("a boat", "/g/", "9" * 19, "/styles/1", "%00"):
        answer = admin_client.get(f"/admin/ledger?generation_id={quote(typed)}")
        assert answer.status_code == 200
        assert "No results." in Page(answer).text


def test_it_is_searched_by_person_kind_image_and_purchase(
    admin_client, image, buyer, artist, bought
):
    everything = count(admin_client)
    assert everything == 6  # three bonuses, an order, its payout, a purchase
    assert count(admin_client, f"?person={buyer.username}") == 3
    assert count(admin_client, f"?person={buyer.id}&kind=hold") == 1
    assert count(admin_client, f"?person={artist.user_id}") == 2
    assert count(admin_client, "?kind=payout") == 1
    assert count(admin_client, f"?generation_id={image.id}") == 2
    assert count(admin_client, f"?generation_id={image.id}&person={artist.user_id}") == 1
    assert count(admin_client, f"?order_id={bought.order_id}") == 1
    assert count(admin_client, f"?order_id={bought.order_id}&kind=hold") == 0


def test_somebody_unknown_is_told_and_nobody_elses_rows_are_shown(admin_client, image):
    page = Page(admin_client.get("/admin/ledger?person=nobody"))
    assert "There is nobody with this name." in page.text
    assert page.all("table") == []


def test_a_month_ends_where_the_next_begins(admin_client, session, buyer):
    for day in ("2025-11-30 23:59:59.9", "2025-12-01", "2025-12-31 23:59:59.9", "2026-01-01"):
        ledger.grant(session, buyer.id, 1, key=day)
        newest = session.query(Transfer).order_by(Transfer.id.desc()).first()
        session.execute(text("ALTER TABLE transfers DISABLE TRIGGER USER"))
        newest.created_at = datetime.fromisoformat(day).replace(tzinfo=UTC)
        session.flush()
        session.execute(text("ALTER TABLE transfers ENABLE TRIGGER USER"))
    session.commit()
    assert count(admin_client, "?month=2025-12") == 2
    assert count(admin_client, f"?month=2025-12&person={buyer.id}") == 2
    assert count(admin_client, "?month=2025-12&kind=grant") == 2
    assert count(admin_client, "?month=2025-12&kind=hold") == 0


@pytest.mark.parametrize("of", ["", "person", "kind"])
def test_it_is_read_page_by_page(admin_client, session, of):
    someone = making.user(session)
    for number in range(4):
        ledger.grant(session, someone.id, 1, key=f"page {number}")
    session.commit()
    narrowed = {"": "", "person": f"&person={someone.id}", "kind": "&kind=grant"}[of]
    whole = count(admin_client, f"?limit=100{narrowed}")
    seen, address = 0, f"/admin/ledger?limit=2{narrowed}"
    while address:
        page = Page(admin_client.get(address))
        seen += len(page.all("tr")) - 1
        address = next((link["href"] for link in page.all("a", rel="next")), None)
    assert seen == whole
    assert whole >= 4
