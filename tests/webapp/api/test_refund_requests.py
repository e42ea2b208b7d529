import orjson
import pytest
from sqlalchemy import update

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.payment import Purchase
from webapp.domain.queries import personal_data
from webapp.domain.services import leaving, purchases

QUEUE = "/api/v1/admin/refund-requests"
WHY = {"reason": "I bought the wrong package."}
NOTHING = (None, None, None)


@pytest.fixture
def payment(session, buyer):
    made = making.paid(session, buyer)
    session.commit()
    return made


def show(client, payment):
    return client.get(f"/api/v1/tokens/purchases/{payment.order_id}").json["data"]


def ask(client, payment, body=WHY, **more):
    address = f"/api/v1/tokens/purchases/{payment.order_id}/refund-request"
    return client.post(address, json=body, **more)


def withdraw(client, payment):
    return client.delete(f"/api/v1/tokens/purchases/{payment.order_id}/refund-request")


def decline(client, payment, reason="Used since."):
    return client.post(f"{QUEUE}/{payment.order_id}/decline", json={"reason": reason})


def asked(order):
    names = "refund_requested_at", "refund_declined_at", "refund_decline_note"
    return tuple(order[name] for name in names)


def test_a_buyer_asks_and_withdraws(buyer_client, payment):
    before = show(buyer_client, payment)
    assert (before["is_refundable"], before["is_refunding"]) == (True, False)
    assert asked(before) == NOTHING
    answer = ask(buyer_client, payment)
    assert answer.status_code == 201
    assert answer.location.endswith(f"/api/v1/tokens/purchases/{payment.order_id}")
    made = answer.json["data"]
    assert made["refund_requested_at"] is not None
    assert made == show(buyer_client, payment)
    [listed] = buyer_client.get("/api/v1/tokens/purchases").json["data"]["results"]
    assert asked(listed) == asked(made)
    withdrawn = withdraw(buyer_client, payment)
    assert (withdrawn.status_code, withdrawn.json["data"]) == (200, before)


def test_a_reason_is_optional_and_not_endless(buyer_client, payment):
    for body in ({"reason": "x" * 501}, {"reason": 7}, {"reason": "\u202e"}, []):
        refused = ask(buyer_client, payment, body)
        assert refused.status_code in {400, 422}
    assert ask(buyer_client, payment, {}).status_code == 201


def test_a_request_that_is_sent_again_is_made_once(buyer_client, payment):
    headers = {"Idempotency-Key": "asked-once"}
    first, second = (ask(buyer_client, payment, headers=headers) for _ in range(2))
    assert first.json["data"] == second.json["data"]
    assert second.headers["Idempotent-Replayed"] == "true"
    refused = ask(buyer_client, payment)
    assert (refused.status_code, error_code(refused)) == (409, "REFUND_REQUESTED")
    assert refused.json["error"]["details"] == {"order_id": payment.order_id}


def test_what_cannot_be_refunded_is_refused_with_its_cause(buyer_client, payment, session, buyer):
    pending = purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")
    session.commit()
    refused = ask(buyer_client, pending)
    assert (refused.status_code, error_code(refused)) == (402, "PAYMENT_FAILED")
    assert refused.json["error"]["details"]["reason"] == "not_paid"
    making.take_tokens(session, buyer.id, 150)
    session.commit()
    assert show(buyer_client, payment)["is_refundable"] is False
    refused = ask(buyer_client, payment)
    assert (refused.status_code, error_code(refused)) == (402, "INSUFFICIENT_TOKENS")
    assert refused.json["error"]["details"] == {"required": 100, "available": 50}
    refused = withdraw(buyer_client, payment)
    assert (refused.status_code, error_code(refused)) == (409, "REFUND_NOT_REQUESTED")


def test_credits_of_sets_are_asked_back(buyer_client, session, buyer):
    bought = making.paid(session, buyer, "credits_100")
    session.commit()
    assert show(buyer_client, bought)["is_refundable"] is True
    assert ask(buyer_client, bought).status_code == 201


def test_a_payment_of_somebody_else_is_not_found(sign_in, client, session, payment):
    stranger = sign_in(making.user(session))
    for answer in (ask(stranger, payment), withdraw(stranger, payment)):
        assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")
    assert ask(client, payment).status_code == 401
    assert withdraw(client, payment).status_code == 401


def test_administrators_list_the_requests_oldest_first_and_decline(
    admin_client, buyer_client, buyer, session, payment
):
    other = making.paid(session, buyer, "credits_100")
    session.commit()
    ask(buyer_client, payment)
    ask(buyer_client, other, {})
    first, second = admin_client.get(QUEUE).json["data"]["results"]
    assert (first["order_id"], second["order_id"]) == (payment.order_id, other.order_id)
    assert first["buyer"] == {
        "id": buyer.id,
        "username": buyer.username,
        "is_active": True,
        "available": 200,
    }
    assert (first["refund_reason"], second["refund_reason"]) == (WHY["reason"], None)
    assert (first["is_covered"], second["is_covered"]) == (True, True)

    declined = decline(admin_client, payment).json["data"]
    assert declined["refund_decline_note"] == "Used since."
    assert show(buyer_client, payment)["refund_decline_note"] == "Used since."
    [entry] = session.query(AuditEntry)
    assert (entry.object_type, entry.object_id) == ("purchase", str(payment.id))
    assert [each["order_id"] for each in admin_client.get(QUEUE).json["data"]["results"]] == [
        other.order_id
    ]
    again = decline(admin_client, payment)
    assert (again.status_code, error_code(again)) == (409, "REFUND_NOT_REQUESTED")


def test_the_list_has_pages(admin_client, buyer_client, buyer, session):
    for _ in range(3):
        made = making.paid(session, buyer)
        session.commit()
        ask(buyer_client, made)
    first = admin_client.get(QUEUE, query_string={"limit": 2}).json["data"]
    assert (len(first["results"]), first["has_more"]) == (2, True)
    rest = {"limit": 2, "cursor": first["next_cursor"]}
    assert len(admin_client.get(QUEUE, query_string=rest).json["data"]["results"]) == 1


def test_a_request_of_a_closed_account_stays(admin_client, buyer_client, session, payment):
    ask(buyer_client, payment)
    leaving.deactivate(session, payment.user_id)
    session.commit()
    [request] = admin_client.get(QUEUE).json["data"]["results"]
    assert request["buyer"]["is_active"] is False
    assert decline(admin_client, payment).status_code == 200


def test_nobody_else_decides(buyer_client, artist_client, client, payment):
    ask(buyer_client, payment)
    for each, status in ((buyer_client, 403), (artist_client, 403), (client, 401)):
        assert each.get(QUEUE).status_code == status
        assert decline(each, payment).status_code == status


@pytest.mark.parametrize("reason", ["", "no", "x" * 501, None])
def test_a_decline_needs_a_reason(admin_client, buyer_client, payment, session, reason):
    ask(buyer_client, payment)
    assert decline(admin_client, payment, reason).status_code == 422
    assert purchases.find(session, payment.order_id).refund_declined_at is None


def test_the_copy_of_personal_data_has_the_request(session, payment, buyer_client, admin_client):
    ask(buyer_client, payment)
    decline(admin_client, payment)
    documents = personal_data.documents(session, payment.user_id)
    [copied] = next(orjson.loads(each.content) for each in documents if "payments" in each.name)
    assert copied["refund_reason"] == WHY["reason"]
    assert copied["refund_decline_note"] == "Used since."
    assert copied["refund_requested_at"] <= copied["refund_declined_at"]


def test_an_unknown_number_is_not_found(admin_client, session, payment):
    session.execute(update(Purchase).values(status="refunded", refund_key="key"))
    session.commit()
    for order_id, status in (("P_none", 404), (payment.order_id, 409)):
        answer = admin_client.post(f"{QUEUE}/{order_id}/decline", json={"reason": "None."})
        assert answer.status_code == status
