"""docs/api.md over HTTP: envelope, errors, sessions, sign-in, roles, closing an account."""

import httpx
import pytest

from tests.client import Person
from tests.contract.conftest import address, everything, refused

LOGIN = "/api/v1/auth/google/login"


@pytest.mark.parametrize("path", ["/styles", "/generations/feed", "/styles/99999999", "/nowhere"])
def test_01_every_answer_has_the_envelope(nobody, path):
    answer = nobody.get(f"/api/v1{path}", headers={"X-Request-ID": "my-own_id"})
    body = answer.json()
    assert body["success"] is (answer.status_code == 200)
    assert body["meta"]["request_id"] == answer.headers["X-Request-ID"] == "my-own_id"
    assert body["meta"]["timestamp"].endswith("Z")


def test_02_one_code_and_words_in_two_languages(nobody):
    told = [
        nobody.get("/api/v1/styles/99999999", headers={"Accept-Language": language}).json()
        for language in ("en", "ko")
    ]
    assert told[0]["error"]["code"] == told[1]["error"]["code"] == "STYLE_NOT_FOUND"
    assert told[0]["error"]["message"] != told[1]["error"]["message"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=xyz"])
def test_05_a_bad_limit_or_cursor_is_a_validation_error(nobody, query):
    assert refused(nobody.get(f"/api/v1/styles?{query}")) == (422, "VALIDATION_ERROR")


def test_05_half_a_body_is_an_invalid_request(person):
    headers = {"Content-Type": "application/json"}
    answer = person().send("POST", "/generations", content="{", headers=headers)
    assert refused(answer) == (400, "INVALID_REQUEST")


def test_06_a_session_is_needed_and_ends_on_the_server(nobody, person):
    assert refused(nobody.get("/api/v1/auth/me")) == (401, "UNAUTHORIZED")
    someone = person()
    cookie = someone.http.cookies["session"]
    someone.post("/auth/logout")
    old = httpx.Cookies({"session": cookie})
    with httpx.Client(base_url=someone.http.base_url, cookies=old) as replay:
        assert refused(replay.get("/api/v1/auth/me")) == (401, "SESSION_EXPIRED")


def test_07_a_post_without_the_csrf_token_changes_nothing(person):
    someone = person()
    answer = someone.http.post("/api/v1/users/me", headers={"X-HTTP-Method-Override": "PATCH"})
    assert answer.status_code == 405
    answer = someone.http.patch("/api/v1/users/me", json={"bio": "forged"})
    assert refused(answer) == (403, "CSRF_FAILED")
    assert someone.get("/auth/me")["bio"] == ""


def test_07_the_session_cookie_is_out_of_the_reach_of_scripts(service):
    headers = {"X-Forwarded-For": address()}
    with httpx.Client(base_url=service.site, headers=headers, follow_redirects=True) as browser:
        landed = browser.get(LOGIN, params={"login_hint": "cookies@example.com"})
        (cookie,) = [
            line
            for answer in landed.history
            for line in answer.headers.get_list("set-cookie")
            if line.startswith("session=") and "callback" in str(answer.url)
        ]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_08_the_welcome_bonus_is_given_once(service, person):
    first = person()
    assert first.get("/auth/me")["token_balance"] == 100
    again = Person(service.site, first.me["email"], X_Forwarded_For=address())
    assert again.me["id"] == first.me["id"]
    (row,) = again.get("/tokens/transactions")["results"]
    assert (row["type"], row["direction"], row["amount"]) == ("bonus", "in", 100)
    again.http.close()


def test_09_the_sixth_sign_in_from_one_address_has_to_wait(nobody):
    for _ in range(5):
        assert nobody.get(LOGIN).status_code == 302
    sixth = nobody.get(LOGIN)
    assert refused(sixth) == (429, "RATE_LIMIT_EXCEEDED")
    assert int(sixth.headers["Retry-After"]) >= 1
    assert sixth.headers["X-RateLimit-Remaining"] == "0"


def test_10_an_artist_is_made_once_and_only_artists_make_styles(person):
    someone = person()
    assert refused(someone.send("POST", "/styles", json={})) == (403, "ARTIST_ONLY")
    assert someone.become_artist("Jun Seo")["user"]["role"] == "artist"
    again = someone.send("POST", "/users/me/upgrade-to-artist", json={"artist_name": "Jun"})
    assert refused(again)[0] in {409, 422}
    with pytest.raises(AssertionError, match="ALREADY_ARTIST"):
        someone.become_artist("Jun Seo")


def test_38_who_left_nothing_that_others_need_is_deleted(person, nobody):
    someone = person()
    name = someone.me["username"]
    wrong = someone.send("DELETE", "/users/me", json={"confirm": "somebody else"})
    assert refused(wrong) == (422, "VALIDATION_ERROR")
    answer = someone.send("DELETE", "/users/me", json={"confirm": name})
    assert answer.json()["data"]["result"] == "deleted"
    assert refused(nobody.get(f"/api/v1/users/{someone.me['id']}")) == (404, "NOT_FOUND")
    assert someone.send("GET", "/auth/me").status_code == 401


def test_38_an_artist_whose_style_was_used_is_deactivated(artist, trained, person, worker, nobody):
    buyer = person()
    image = buyer.order(trained["id"]).json()["data"]["id"]
    worker.render(image)
    assert buyer.final(image)["status"] == "completed"
    answer = artist.send("DELETE", "/users/me", json={"confirm": artist.me["username"]})
    assert answer.json()["data"]["result"] == "deactivated"
    assert refused(nobody.get(f"/api/v1/users/{artist.me['id']}")) == (404, "NOT_FOUND")
    seen = buyer.get(f"/generations/{image}")
    assert buyer.http.get(seen["result_url"]).status_code == 200
    public_id = seen["license"]["public_id"]
    assert nobody.get(f"/api/v1/licenses/{public_id}").json()["data"]["status"] == "valid"


def test_every_list_ends(person):
    assert everything(person().get, "/notifications") == [[]]
