"""Several of one's own pictures: selected by plain check boxes, shown, hidden and downloaded."""

import pytest
from sqlalchemy import select

from tests import making
from tests.webapp.conftest import error_code
from tests.webapp.pages.reading import Page, enter_presses
from webapp.domain.models.generation import Generation
from webapp.domain.services import visibility


@pytest.fixture
def works(session, buyer, style, finish):
    making.ledger.grant(session, buyer.id, 500, key="for several pictures")
    return [finish(making.order(session, buyer, style)[0]).id for _ in range(3)]


def public(session):
    return set(session.scalars(select(Generation.id).where(Generation.is_public)))


def test_each_finished_picture_can_be_selected(session, buyer_client, buyer, style, works):
    making.order(session, buyer, style)
    session.commit()
    page = Page(buyer_client.get("/me"))
    boxes = page.all("input", name="id")
    assert [int(each["value"]) for each in boxes] == works[::-1]
    assert {each["form"] for each in boxes} == {"selection"}
    assert all(each["aria-label"].startswith("Select: ") for each in boxes)
    assert page.all("form", id="selection", method="post", action="/me/works/visibility")
    assert page.own_code() == []


def test_the_selected_ones_become_public_and_private(session, buyer_client, works):
    path = "/me/works/visibility?state=private"
    answer = buyer_client.post(path, data={"id": works[:2], "is_public": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me?state=private")
    assert public(session) == {*works[:2]}
    buyer_client.post("/me/works/visibility", data={"id": works, "is_public": "0"})
    assert public(session) == set()


@pytest.mark.parametrize("ids", [[], range(1, 52), [10**30]])
@pytest.mark.parametrize("path", ["visibility", "archive"])
def test_none_or_too_many_are_refused_with_words(buyer_client, works, path, ids):
    answer = buyer_client.post(f"/me/works/{path}", data={"id": list(ids), "is_public": "1"})
    assert answer.status_code == 422
    assert "Please choose 1 to 50 pictures." in Page(answer).text


def test_the_pictures_of_another_stay_as_they_are(session, sign_in, artist_client, works):
    stranger = sign_in(making.user(session))
    data = {"id": works[:1], "is_public": "1"}
    for other in (stranger, artist_client):
        for path in ("visibility", "archive"):
            assert other.post(f"/me/works/{path}", data=data).status_code == 404
    assert public(session) == set()


def test_another_site_changes_nothing(session, buyer_client, works):
    buyer_client.csrf_token = None
    data = {"id": works, "is_public": "1", "csrf_token": "forged"}
    for path in ("visibility", "archive"):
        assert buyer_client.post(f"/me/works/{path}", data=data).status_code == 403
    assert public(session) == set()


def test_programs_change_several_at_once(session, buyer_client, artist_client, works):
    path = "/api/v1/generations/visibility"
    body = {"generation_ids": works[:2], "is_public": True}
    answer = buyer_client.post(path, json=body)
    assert answer.json["data"] == {"changed_ids": works[:2]}
    assert buyer_client.post(path, json=body).json["data"] == {"changed_ids": []}
    assert public(session) == {*works[:2]}
    assert error_code(artist_client.post(path, json=body)) == "GENERATION_NOT_FOUND"
    for ids in ([], works * (visibility.MAX_PICTURES // 3 + 1)):
        refused = buyer_client.post(path, json=body | {"generation_ids": ids})
        assert error_code(refused) == "VALIDATION_ERROR"
        assert list(refused.json["error"]["details"]["fields"]) == ["generation_ids"]


def test_enter_in_a_check_box_publishes_nothing(buyer_client, works):
    page = Page(buyer_client.get("/me"))
    assert {"disabled", "hidden"} <= enter_presses(page, "/me/works/visibility").keys()
