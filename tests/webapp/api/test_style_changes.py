from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests import making
from tests.webapp.conftest import WORKER_HEADERS, error_code
from webapp.domain.models.account import User
from webapp.domain.models.style import Style

STYLES = "/api/v1/styles"
TOMORROW = (datetime.now(UTC).date() + timedelta(days=2)).isoformat()


def patch(client, style, **changes):
    return client.patch(f"{STYLES}/{style.id}", json=changes)


def test_an_artist_changes_the_terms_and_sees_the_whole_style(artist_client, style):
    answer = patch(
        artist_client,
        style,
        description="<b>Boats</b>",
        price_tokens=55,
        license_type="personal",
        valid_to=TOMORROW,
        name="Ignored",
        usage_count=99,
    )
    assert answer.status_code == 200
    seen = answer.json["data"]
    assert seen == artist_client.get(f"{STYLES}/{style.id}").json["data"]
    assert "artworks" in seen
    assert (seen["description"], seen["price_tokens"], seen["license_type"]) == (
        "<b>Boats</b>",
        55,
        "personal",
    )
    assert (seen["valid_to"], seen["name"], seen["usage_count"]) == (TOMORROW, style.name, 0)


def test_what_is_not_given_stays(artist_client, style):
    before = artist_client.get(f"{STYLES}/{style.id}").json["data"]
    after = patch(artist_client, style).json["data"]
    assert {**before, "updated_at": None} == {**after, "updated_at": None}
    assert patch(artist_client, style, valid_to=TOMORROW).json["data"]["valid_to"] == TOMORROW
    assert patch(artist_client, style, valid_to=None).json["data"]["valid_to"] is None


def test_the_other_names_of_a_style_and_its_price_work_too(artist_client, style):
    answer = artist_client.patch(f"/api/v1/models/{style.id}", json={"generation_cost_tokens": 8})
    assert answer.json["data"]["price_tokens"] == 8
    assert artist_client.delete(f"/api/v1/models/{style.id}").status_code == 204


@pytest.mark.parametrize(
    "changes",
    [
        {"license_type": "exclusive"},
        {"price_tokens": 0},
        {"price_tokens": 10_001},
        {"price_tokens": None},
        {"price_tokens": True},
        {"license_type": "public"},
        {"description": ""},
        {"description": None},
        {"description": "x" * 2001},
        {"valid_to": "2001-01-01"},
        {"valid_to": "soon"},
        {"is_active": None},
        {"is_active": "maybe"},
    ],
)
def test_a_wrong_field_changes_nothing(artist_client, session, style, changes):
    answer = patch(artist_client, style, **changes)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    session.refresh(style)
    assert (style.price_tokens, style.description, style.is_active) == (10, "Piers in ink.", True)


def test_a_body_that_is_no_json_is_a_wrong_request(artist_client, style):
    answer = artist_client.patch(f"{STYLES}/{style.id}", data="{", content_type="application/json")
    assert (answer.status_code, error_code(answer)) == (400, "INVALID_REQUEST")


def test_a_later_price_change_leaves_what_was_ordered(artist_client, buyer_client, style, ordered):
    assert patch(artist_client, style, price_tokens=99).status_code == 200
    seen = buyer_client.get(f"/api/v1/generations/{ordered.id}").json["data"]
    assert seen["price_tokens"] == 10
    assert buyer_client.get("/api/v1/tokens/balance").json["data"]["escrowed_tokens"] == 10


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_only_its_artist_may_change_or_remove_a_style(client, buyer_client, session, style, method):
    def call(who):
        answer = who.open(f"{STYLES}/{style.id}", method=method, json={})
        return answer.status_code, error_code(answer)

    assert call(client) == (401, "UNAUTHORIZED")
    assert call(buyer_client) == (403, "FORBIDDEN")
    for columns in ({"is_active": False}, {"is_flagged": True}):
        session.execute(update(Style).values({"is_active": True, "is_flagged": False} | columns))
        session.commit()
        assert call(buyer_client) == (404, "STYLE_NOT_FOUND")
    buyer_client.csrf_token = None
    assert call(buyer_client) == (403, "CSRF_FAILED")


@pytest.mark.parametrize("path", ["confirm-upload", "retrain"])
def test_what_one_merely_sees_one_does_not_train(buyer_client, session, sign_in, style, path):
    answer = buyer_client.post(f"{STYLES}/{style.id}/{path}", json={})
    assert (answer.status_code, error_code(answer)) == (403, "FORBIDDEN")
    assert answer.json["error"]["details"] == {"owner": False}
    style.training_status = "failed"
    session.commit()
    admin = sign_in(making.user(session, role="admin"))
    for who, code in ((buyer_client, "STYLE_NOT_FOUND"), (admin, "FORBIDDEN")):
        assert error_code(who.post(f"{STYLES}/{style.id}/{path}", json={})) == code


def test_an_unfinished_style_is_not_ready_to_be_changed(artist_client, session, style):
    session.execute(update(Style).values(training_status="failed"))
    session.commit()
    answer = patch(artist_client, style, price_tokens=5)
    assert (answer.status_code, error_code(answer)) == (422, "STYLE_NOT_READY")
    assert answer.json["error"]["details"] == {"training_status": "failed"}


def test_a_style_switched_off_is_gone_until_it_is_switched_on(
    artist_client, buyer_client, client, session, artist, style
):
    def listed():
        return [each["id"] for each in client.get(STYLES).json["data"]["results"]]

    assert patch(artist_client, style, is_active=False).json["data"]["is_active"] is False
    assert listed() == []
    order = {"style_id": style.id, "prompt_tags": ["boat"]}
    assert error_code(buyer_client.post("/api/v1/generations", json=order)) == "STYLE_NOT_FOUND"
    second = making.style(session, of=artist)
    session.commit()
    refused = patch(artist_client, style, is_active=True)
    assert (refused.status_code, error_code(refused)) == (403, "STYLE_LIMIT_REACHED")
    assert refused.json["error"]["details"] == {"limit": 1, "style_id": second.id}
    assert artist_client.delete(f"{STYLES}/{second.id}").status_code == 204
    assert patch(artist_client, style, is_active=True).status_code == 200
    assert listed() == [style.id]


def test_an_unused_style_is_removed_and_gone_from_the_list(artist_client, client, style):
    answer = artist_client.delete(f"{STYLES}/{style.id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert client.get(STYLES).json["data"]["results"] == []
    assert error_code(client.get(f"{STYLES}/{style.id}")) == "STYLE_NOT_FOUND"
    assert artist_client.get(f"{STYLES}/{style.id}").json["data"]["is_active"] is False


def test_a_style_with_one_generation_is_in_use(artist_client, style, ordered):
    answer = artist_client.delete(f"{STYLES}/{style.id}")
    assert (answer.status_code, error_code(answer)) == (409, "STYLE_IN_USE")
    assert answer.json["error"]["details"] == {"generations": 1}


def test_a_style_in_training_is_not_removed(sign_in, session, storage):
    run = making.training(session, storage)
    session.commit()
    artist_id = session.scalar(select(Style.artist_id).where(Style.id == run.style_id))
    answer = sign_in(session.get(User, artist_id)).delete(f"{STYLES}/{run.style_id}")
    assert (answer.status_code, error_code(answer)) == (409, "TRAINING_IN_PROGRESS")
    assert answer.json["error"]["details"] == {"style_id": run.style_id}


def test_with_the_internal_token_the_same_address_takes_progress(app, session, storage):
    run = making.training(session, storage, step="train_style")
    session.commit()
    steps = {"current_epoch": 1, "total_epochs": 2, "progress_percent": 50}
    headers = WORKER_HEADERS | {"X-Request-Source": "training-server"}

    def call(headers):
        return app.test_client().patch(
            f"/api/v1/models/{run.style_id}", json={"progress": steps}, headers=headers
        )

    assert call(headers).json["data"]["applied"] is True
    session.refresh(run)
    assert run.progress["progress_percent"] == 50
    wrong = call(headers | {"Authorization": "Bearer wrong"})
    assert (wrong.status_code, error_code(wrong)) == (403, "CALLBACK_UNAUTHORIZED")
    assert error_code(call({})) == "UNAUTHORIZED"
