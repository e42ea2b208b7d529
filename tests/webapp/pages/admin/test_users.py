from sqlalchemy import select

from tests.webapp.pages.admin.conftest import REASON
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.services import purchases


def shown(client, query):
    page = Page(client.get(f"/admin/users{query}"))
    return [item["id"] for item in page.all("li", **{"class": "item"})]


def test_people_are_found_by_name_role_and_state(admin_client, admin, buyer, artist):
    assert shown(admin_client, f"?q={buyer.email}&role=&is_active=") == [f"user-{buyer.id}"]
    assert shown(admin_client, "?role=admin") == [f"user-{admin.id}"]
    assert shown(admin_client, "?role=artist&is_active=true") == [f"user-{artist.user_id}"]
    assert shown(admin_client, "?is_active=false") == []


def test_a_person_is_shown_with_balances_purchases_and_what_was_changed(
    admin_client, session, press, buyer, ordered
):
    made = purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")
    session.commit()
    press(f"/admin/users/{buyer.id}", f"/admin/users/{buyer.id}", action="close")
    page = Page(admin_client.get(f"/admin/users/{buyer.id}"))
    for text in (buyer.email, "Available 90", "Held 10", "Earned 0", "Closed", REASON):
        assert text in page.text
    assert f"/admin/payments/{made.order_id}" in page.links()
    assert f"/admin/ledger?person={buyer.id}" in page.links()


def test_an_account_is_closed_and_opened_again(buyer_client, session, press, log, buyer):
    address = f"/admin/users/{buyer.id}"
    answer = press("/admin/users", address, action="close")
    assert answer.headers["Location"] == "/admin/users?done=close"
    assert buyer_client.get("/wallet").status_code == 302
    press(address, address, action="reopen")
    assert session.scalar(select(User.is_active).where(User.id == buyer.id)) is True
    assert log() == [
        ("user", str(buyer.id), {"is_active": False}, REASON),
        ("user", str(buyer.id), {"is_active": True}, REASON),
    ]


def test_a_role_is_given_if_it_fits(admin_client, session, press, log, buyer):
    address = f"/admin/users/{buyer.id}"
    refused = press(address, address, action="role", role="artist", in_place=True)
    assert refused.status_code == 422
    assert Page(refused).text == "This user has no signature yet."
    press(address, address, action="role", role="admin")
    assert session.scalar(select(User.role).where(User.id == buyer.id)) == "admin"
    assert log() == [("user", str(buyer.id), {"role": "admin"}, REASON)]


def test_ones_own_account_is_not_ones_own_to_change(admin_client, admin, log):
    address = f"/admin/users/{admin.id}"
    assert Page(admin_client.get(address)).all("form", action=address) == []
    form = {"action": "close", "reason": REASON}
    answer = admin_client.post(address, data=form)
    assert answer.status_code == 403
    assert "You cannot change your own account here." in Page(answer).text
    assert log() == []


def test_nobody_is_there(admin_client, log):
    assert admin_client.get("/admin/users/99999999").status_code == 404
    for act in ("close", "role", "burn"):
        form = {"action": act, "reason": REASON}
        answer = admin_client.post("/admin/users/99999999", data=form)
        assert answer.status_code == (404 if act == "close" else 422)
    assert log() == []
