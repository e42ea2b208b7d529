"""The artist decides, over HTTP: looks, tries, puts on sale; and what everybody else is told."""

import pytest
from sqlalchemy import select, update

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.gains import MeasuredGain
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style

STYLES = "/api/v1/styles"
GAIN = MeasuredGain(0.9, 0.5, 0.1)


@pytest.fixture
def style(session, storage):
    made = making.trained(session, storage, gain=GAIN)
    session.commit()
    return made


@pytest.fixture
def owner(session, sign_in, style):
    return sign_in(session.get(User, style.artist_id))


def test_a_trained_style_shows_its_artist_what_to_choose_from(owner, style):
    seen = owner.get(f"{STYLES}/{style.id}").json["data"]
    assert seen["training_status"] == "trained"
    assert [each["step"] for each in seen["checkpoints"]] == [50, 100, 150]
    gain = seen["checkpoints"][-1]["gain"]
    assert (gain["palette"], gain["texture"], gain["edges"]) == (0.9, 0.5, 0.1)
    assert gain["summary"] == (
        "The palette is learned well. The texture is learned in part. The lines are hardly learned."
    )
    assert gain["is_low"] is True
    assert seen["try_outs_left"] == 8


def test_a_gain_is_said_in_the_readers_language(owner, style):
    answer = owner.get(f"{STYLES}/{style.id}", headers={"Accept-Language": "ko"})
    said = answer.json["data"]["checkpoints"][0]["gain"]["summary"]
    assert said == "색감을 잘 배웠습니다. 질감을 일부만 배웠습니다. 선을 거의 배우지 못했습니다."


def test_the_stream_of_a_trained_style_ends(owner, style):
    told = owner.get(f"{STYLES}/{style.id}/events").text
    assert told.startswith("event: end")
    assert "The palette is learned well." in told


@pytest.mark.parametrize("path", ["", "/events", "/recommended-tags"])
def test_others_do_not_see_a_trained_style(client, buyer_client, style, path):
    for stranger in (client, buyer_client):
        answer = stranger.get(f"{STYLES}/{style.id}{path}")
        assert answer.status_code == 404
    listed = buyer_client.get(f"{STYLES}?training_status=trained").json["data"]["results"]
    assert listed == []


def test_an_artist_puts_a_style_on_sale(owner, client, style):
    body = {"checkpoint": 100, "cover": 1}
    answer = owner.post(f"{STYLES}/{style.id}/publish", json=body)
    assert answer.status_code == 200, answer.text
    sold = answer.json["data"]
    assert (sold["training_status"], sold["checkpoint"]) == ("completed", 100)
    assert client.get(f"{STYLES}/{style.id}").status_code == 200
    again = owner.post(f"{STYLES}/{style.id}/publish", json={"checkpoint": 50})
    assert (again.status_code, error_code(again)) == (409, "INVALID_TRANSITION")
    assert owner.get(f"{STYLES}/{style.id}").json["data"]["checkpoint"] == 100


@pytest.mark.parametrize(
    "body, field",
    [
        ({"checkpoint": 7}, "checkpoint"),
        ({"checkpoint": "last"}, "checkpoint"),
        ({"cover": 2}, "cover"),
        ({"cover": -1}, "cover"),
    ],
)
def test_a_wrong_choice_is_a_wrong_field(owner, style, body, field):
    answer = owner.post(f"{STYLES}/{style.id}/publish", json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert set(answer.json["error"]["details"]["fields"]) == {field}


def test_nobody_else_puts_it_on_sale(client, buyer_client, style):
    assert client.post(f"{STYLES}/{style.id}/publish", json={}).status_code == 401
    answer = buyer_client.post(f"{STYLES}/{style.id}/publish", json={})
    assert (answer.status_code, error_code(answer)) == (404, "STYLE_NOT_FOUND")


def test_try_outs_are_drawn_until_none_is_left(owner, style):
    def draw(count):
        body = {"prompt_tags": ["boat"], "count": count, "checkpoint": 50}
        return owner.post(f"{STYLES}/{style.id}/try-outs", json=body)

    drawn = draw(4)
    assert drawn.status_code == 201, drawn.text
    assert drawn.json["data"]["try_outs_left"] == 4
    assert [each["checkpoint"] for each in drawn.json["data"]["try_outs"]] == [50] * 4
    assert draw(4).json["data"]["try_outs_left"] == 0
    refused = draw(1)
    assert (refused.status_code, error_code(refused)) == (409, "TRY_OUTS_USED_UP")
    assert refused.json["error"]["details"] == {"limit": 8, "left": 0}


def test_the_same_key_draws_once(session, owner, style):
    headers = {"Idempotency-Key": "try-out-0001"}
    body = {"prompt_tags": ["boat"]}
    for _ in range(2):
        answer = owner.post(f"{STYLES}/{style.id}/try-outs", json=body, headers=headers)
        assert answer.status_code == 201
    assert len(session.scalars(select(Generation)).all()) == 1


@pytest.mark.parametrize(
    "body, code",
    [
        ({"prompt_tags": []}, "VALIDATION_ERROR"),
        ({"prompt_tags": ["꽈배기"]}, "INVALID_TAG_LANGUAGE"),
        ({"prompt_tags": ["boat"], "checkpoint": 7}, "VALIDATION_ERROR"),
        ({"prompt_tags": ["boat"], "count": 5}, "VALIDATION_ERROR"),
    ],
)
def test_a_wrong_try_out_is_refused_by_name(owner, style, body, code):
    answer = owner.post(f"{STYLES}/{style.id}/try-outs", json=body)
    assert error_code(answer) == code


def test_a_try_out_is_its_artists_alone_and_cannot_be_shown(
    session, storage, owner, client, buyer_client, style
):
    made = making.try_out(session, style)
    session.commit()
    making.finish(session, storage, made)
    session.commit()
    path = f"/api/v1/generations/{made.id}"
    seen = owner.get(path).json["data"]
    assert (seen["is_try_out"], seen["price_tokens"], seen["refunded"]) == (True, 0, False)
    assert client.get(path).status_code == buyer_client.get(path).status_code == 404
    refused = owner.patch(path, json={"is_public": True})
    assert (refused.status_code, error_code(refused)) == (409, "TRY_OUT_PRIVATE")
    assert owner.post(f"{path}/like").status_code == 404
    assert owner.get("/api/v1/generations/me").json["data"]["results"] == []
    tried = owner.get(f"{STYLES}/{style.id}").json["data"]["try_outs"]
    assert [each["id"] for each in tried] == [made.id]
    assert tried[0]["result_url"]


def test_an_administrator_cannot_show_a_try_out_either(session, storage, sign_in, style):
    made = making.try_out(session, style)
    making.finish(session, storage, made)
    session.commit()
    admin = sign_in(making.user(session, role="admin"))
    answer = admin.patch(
        f"/api/v1/admin/generations/{made.id}", json={"is_public": True, "reason": "why not"}
    )
    assert (answer.status_code, error_code(answer)) == (409, "TRY_OUT_PRIVATE")


def test_training_again_keeps_what_was_said_of_the_sale_or_takes_another_word(
    session, owner, style
):
    session.execute(update(Style).values(publish="when_trained"))
    session.commit()
    again = owner.post(f"{STYLES}/{style.id}/retrain", json={}).json["data"]
    assert (again["training_status"], again["publish"]) == ("pending", "when_trained")
    owner.post(f"{STYLES}/{style.id}/cancel")
    stopped = owner.get(f"{STYLES}/{style.id}").json["data"]
    assert stopped["training_status"] == "trained"
    assert stopped["failure"]["cause"] == "CANCELED"
    other = owner.post(f"{STYLES}/{style.id}/retrain", json={"publish": "by_artist"})
    assert other.json["data"]["publish"] == "by_artist"


def test_a_new_style_says_when_it_goes_on_sale(artist_client):
    answer = artist_client.post(STYLES, json={"publish": "at_night"})
    assert "publish" in answer.json["error"]["details"]["fields"]
