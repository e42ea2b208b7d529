"""Addresses of the API to which other sites, or our own links, send a browser."""

import pytest

from tests.webapp.conftest import make_app
from tests.webapp.pages.reading import Page
from webapp.domain.settings import settings

BROWSER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
}


@pytest.fixture
def limited_client(bind, storage, monkeypatch):
    yield bind(
        make_app(monkeypatch, RATE_LIMITS_ENABLED="1", REDIS_URL="redis://127.0.0.1:1/0")
    ).test_client()
    settings.cache_clear()


def test_too_many_tries_to_sign_in_are_told_on_a_page(limited_client):
    path = "/api/v1/auth/google/login"
    answers = [limited_client.get(path, headers=BROWSER) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429]
    page = Page(answers[-1])
    assert page.all("main")
    assert "Too many requests: the limit is 5 in 300 s." in page.text
    assert "Please wait" not in page.text
    assert int(answers[-1].headers["Retry-After"]) > 200
    assert limited_client.get(path).json["error"]["code"] == "RATE_LIMIT_EXCEEDED"


def test_the_return_from_toss_signed_out_leads_through_sign_in_and_back(client):
    path = "/api/v1/tokens/purchase/success?orderId=P_1&paymentKey=k&amount=1"
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login?next=/api/v1/tokens/purchase/success")
    assert "orderId%3DP_1" in answer.headers["Location"]
    assert client.get(path).status_code == 401


def test_the_return_from_toss_for_another_persons_order_is_a_page(buyer_client):
    path = "/api/v1/tokens/purchase/fail?orderId=P_1&code=C&message=m"
    answer = buyer_client.get(path, headers=BROWSER)
    assert answer.status_code == 404
    assert Page(answer).all("main")


def test_a_picture_that_is_gone_is_told_on_a_page(client):
    answer = client.get("/api/v1/generations/99/image?download=1", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert Page(answer).all("main")
    assert "Content-Security-Policy" in answer.headers


def test_a_link_to_a_file_that_has_run_out_is_told_on_a_page(client):
    answer = client.get("/storage/images/a.png?expires=1&signature=x", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")


@pytest.mark.parametrize("method, path", [("GET", "/styles/1/generate"), ("POST", "/wallet")])
def test_a_page_that_is_asked_for_by_another_method_says_so_in_words(client, method, path):
    """A browser asks by GET for the address of a form when its page is opened a second time."""
    answer = client.open(path, method=method, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "This address only accepts forms." in Page(answer).text
    assert answer.headers["Allow"]


def test_an_address_that_only_begins_like_the_apis_is_a_page(client):
    for path in ("/apiary", "/api.html", "/storageroom"):
        answer = client.get(path, headers=BROWSER)
        assert (answer.status_code, answer.mimetype) == (404, "text/html"), path


@pytest.mark.parametrize(
    "headers",
    [{}, {"Accept": "*/*"}, {"Accept": "application/json"}, BROWSER | {"Sec-Fetch-Mode": "cors"}],
)
def test_programs_and_scripts_get_json(client, headers):
    answer = client.get("/api/v1/generations/99", headers=headers)
    assert (answer.status_code, answer.mimetype) == (404, "application/json")


def test_pages_of_a_signed_in_person_are_kept_nowhere(client, buyer_client):
    for path in ("/", "/wallet", "/me"):
        assert "no-store" in buyer_client.get(path).headers["Cache-Control"]
    assert "no-store" not in client.get("/").headers["Cache-Control"]
