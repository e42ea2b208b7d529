"""ETags of answers: 304 to whoever has the data, and nobody keeps what is private."""

import pytest
from sqlalchemy import update

from tests.webapp.conftest import error_code
from webapp.domain.models.generation import Generation

API = "/api/v1"
LISTS = (
    *("styles", "generations/feed", "generations/me", "generations/liked", "collections"),
    *("tags", "users/me/following", "tokens/transactions", "notifications", "keys"),
)


@pytest.mark.parametrize("path", [*LISTS, "generations/{image}", "styles/{style}", "auth/me"])
def test_an_answer_that_is_known_is_not_sent_again(buyer_client, image, style, path):
    address = f"{API}/{path.format(image=image.id, style=style.id)}"
    first = buyer_client.get(address)
    tag = first.headers["ETag"]
    again = buyer_client.get(address, headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    for answer in (first, again):
        assert answer.headers["Cache-Control"] == "no-store"
        assert {"Authorization", "Cookie"} <= set(answer.headers["Vary"].split(", "))
        assert answer.headers["X-Request-ID"]


def test_a_change_is_another_tag(buyer_client, session, image):
    address = f"{API}/generations/{image.id}"
    tag = buyer_client.get(address).headers["ETag"]
    session.execute(update(Generation).values(description="Evening at the pier"))
    session.commit()
    answer = buyer_client.get(address, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["ETag"] == tag) == (200, False)


def test_the_tag_of_one_person_is_not_that_of_another(buyer_client, client, image):
    address = f"{API}/generations/{image.id}"
    tag = buyer_client.get(address).headers["ETag"]
    answer = client.get(address, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert "price_tokens" not in answer.json["data"]


def test_a_tag_tells_nothing_of_what_may_not_be_seen(buyer_client, client, ordered):
    address = f"{API}/generations/{ordered.id}"
    tag = buyer_client.get(address).headers["ETag"]
    refused = client.get(address, headers={"If-None-Match": tag})
    assert (refused.status_code, error_code(refused)) == (404, "GENERATION_NOT_FOUND")
    refused = client.get(address, headers={"If-None-Match": "*"})
    assert (refused.status_code, error_code(refused)) == (404, "GENERATION_NOT_FOUND")
    assert "ETag" not in refused.headers


def test_head_has_the_tag_of_get(client, style):
    address = f"{API}/styles/{style.id}"
    assert client.head(address).headers["ETag"] == client.get(address).headers["ETag"]


def test_an_answer_to_a_change_has_none(buyer_client, style):
    body = {"style_id": style.id, "prompt_tags": ["boat"]}
    made = buyer_client.post(f"{API}/generations", json=body, headers={"If-None-Match": "*"})
    assert (made.status_code, "ETag" in made.headers) == (201, False)
    preview = buyer_client.post(f"{API}/generations/preview", json=body)
    assert (preview.status_code, "ETag" in preview.headers) == (200, False)


def test_the_file_of_a_picture_has_one(client, buyer, key_client, image):
    led = key_client(buyer).get(f"{API}/generations/{image.id}/image").headers["Location"]
    first = client.get(led)
    again = client.get(led, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"].startswith("private")


def test_what_may_be_kept_by_everybody_is_not_so_for_a_key(client, buyer, key_client):
    assert client.get(f"{API}/tags/korean").headers["Cache-Control"].startswith("public")
    answer = key_client(buyer).get(f"{API}/tags/korean")
    assert answer.headers["Cache-Control"].startswith("private")
