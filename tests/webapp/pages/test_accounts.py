import io

import pytest

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import Artist
from webapp.domain.services import ledger

ERRORS = [
    "access_denied",
    "no_code",
    "invalid_state",
    "network_error",
    "account_inactive",
    "server_error",
]


def test_sign_in_comes_back_to_where_one_was(client):
    assert (
        "/api/v1/auth/google/login?next=%2Fstyles%2F7"
        in Page(client.get("/login?next=/styles/7")).links()
    )


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example", "//elsewhere.example", "javascript:x"]
)
def test_sign_in_never_leads_elsewhere(client, target):
    page = Page(client.get("/login", query_string={"next": target}))
    assert "/api/v1/auth/google/login?next=%2F" in page.links()


@pytest.mark.parametrize("error", ERRORS)
def test_every_failed_sign_in_is_told_in_words(client, error):
    page = Page(client.get(f"/login?error={error}"))
    assert page.all("div", role="alert")
    assert error not in page.text


def test_an_unknown_error_is_not_repeated(client):
    assert Page(client.get("/login?error=<b>boo")).all("div", role="alert") == []


def test_signing_out_ends_the_session(buyer_client):
    [token] = {
        each["value"] for each in Page(buyer_client.get("/")).all("input", name="csrf_token")
    }
    buyer_client.csrf_token = None
    assert buyer_client.post("/logout", data={"csrf_token": token}).status_code == 302
    assert "/login?next=/" in Page(buyer_client.get("/")).links()


def test_another_site_cannot_sign_anyone_out(buyer_client):
    buyer_client.csrf_token = None
    assert buyer_client.post("/logout", data={"csrf_token": "forged"}).status_code == 403
    assert Page(buyer_client.get("/")).all("b", id="balance")


def test_the_balance_stands_in_the_frame(buyer_client):
    [balance] = Page(buyer_client.get("/")).all("b", id="balance")
    assert balance["data-tokens"] == "100"


def test_a_language_is_chosen_without_signing_in(client):
    answer = client.post("/preferences", data={"lang": "ko", "next": "/styles?sort=popular"})
    assert answer.headers["Location"] == "/styles?sort=popular"
    assert Page(client.get("/", headers={"Accept-Language": "en"})).all("html")[0]["lang"] == "ko"


def test_a_signed_in_choice_of_language_stays_with_the_account(buyer_client, buyer, session):
    buyer_client.post("/preferences", data={"lang": "ko", "next": "/"})
    session.refresh(buyer)
    assert buyer.language == "ko"


def test_another_site_cannot_change_an_accounts_language(buyer_client, buyer, session):
    buyer_client.csrf_token = None
    assert buyer_client.post("/preferences", data={"lang": "ko", "next": "/"}).status_code == 403
    session.refresh(buyer)
    assert buyer.language is None


def test_a_theme_is_kept_and_nonsense_is_not(client):
    client.post("/preferences", data={"theme": "dark", "next": "/"})
    assert Page(client.get("/")).all("html")[0]["data-theme"] == "dark"
    client.post("/preferences", data={"theme": "pink", "lang": "xx", "next": "//elsewhere.example"})
    assert Page(client.get("/")).all("html")[0] == {"lang": "en", "data-theme": "dark"}


def test_becoming_an_artist_needs_an_account_and_happens_once(
    client, buyer, buyer_client, artist_client
):
    assert client.get("/become-artist").headers["Location"] == "/login?next=/become-artist"
    page = Page(buyer_client.get("/become-artist"))
    assert page.all("canvas", id="pad")
    assert page.all("input", id="artist-name")[0]["value"] == buyer.display_name
    assert artist_client.get("/become-artist").headers["Location"] == "/studio"


def test_what_earned_tokens_are_worth_and_when_they_are_paid_is_said_before(
    app, buyer_client, monkeypatch
):
    def said():
        return Page(buyer_client.get("/become-artist")).text

    assert "An earned token is worth ₩70. A payout takes at least 100 tokens." in said()
    assert "The money is transferred within 14 days of your request." in said()
    changed = {"payout_krw_per_token": 65, "payout_within_days": 1}
    settings = app.extensions["settings"].model_copy(update=changed)
    monkeypatch.setitem(app.extensions, "settings", settings)
    assert "An earned token is worth ₩65." in said()
    assert "The money is transferred within 1 day of your request." in said()
    assert buyer_client.patch("/api/v1/users/me", json={"language": "ko"}).status_code == 200
    assert "신청한 날부터 1일 안에 송금합니다." in said()


def become(client, signature=b"", **fields):
    """Send the form as a browser without scripts does."""
    token, client.csrf_token = client.csrf_token, None
    data = {"csrf_token": token, "signature_image": (io.BytesIO(signature), "s.png")} | fields
    return client.post("/become-artist", data=data, content_type="multipart/form-data")


def test_one_becomes_an_artist_without_scripts(buyer_client, buyer, session):
    answer = become(buyer_client, making.signature_png(), artist_name="J. Han", contact_email="")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/studio")
    made = session.get_one(Artist, buyer.id)
    assert (made.artist_name, made.contact_email) == ("J. Han", buyer.email)
    assert buyer_client.get("/become-artist").headers["Location"] == "/studio"


@pytest.mark.parametrize(
    "fields, name",
    [
        ({"artist_name": "J"}, "artist_name"),
        ({"artist_name": "J. Han", "contact_email": "nowhere"}, "contact_email"),
        ({"artist_name": "J. Han"}, "signature_image"),
        ({"artist_name": "J. Han", "signature_image": (io.BytesIO(), "")}, "signature_image"),
    ],
)
def test_what_is_missing_to_become_an_artist_is_told(buyer_client, buyer, session, fields, name):
    answer = become(buyer_client, b"no picture", **fields)
    page = Page(answer)
    assert answer.status_code == 422
    marked = [each["name"] for _, each in page.elements if each.get("aria-invalid") == "true"]
    assert marked == [name]
    assert "hidden" not in page.all("div", id="problem")[0]
    assert session.get(Artist, buyer.id) is None


@pytest.mark.parametrize(
    "language, said",
    [
        ("en", "Please draw your signature or choose a file."),
        ("ko", "서명을 그리거나 파일을 선택해 주세요."),
    ],
)
def test_an_empty_form_to_become_an_artist_names_all_that_is_missing(buyer_client, language, said):
    buyer_client.set_cookie("lang", language)
    page = Page(become(buyer_client, artist_name="", signature_image=(io.BytesIO(), "")))
    marked = [each["name"] for _, each in page.elements if each.get("aria-invalid") == "true"]
    assert marked == ["artist_name", "signature_image"]
    assert said in page.text


def test_who_signs_in_is_told_what_that_accepts(client, monkeypatch):
    monkeypatch.setattr(ledger, "WELCOME_TOKENS", 41)
    page = Page(client.get("/login"))
    assert "By signing in you accept the terms of use ." in page.text
    assert "New accounts get 41 tokens." in page.text
    assert page.links().count("/terms") == page.links().count("/privacy") == 2


@pytest.mark.parametrize(
    "address, is_told",
    [("/become-artist", True), ("/studio", True), ("/studio/new", True), ("/studios", False)],
)
def test_who_signs_in_for_the_studio_is_told_what_it_is_for(client, address, is_told):
    page = Page(client.get("/login", query_string={"next": address}))
    assert ("Artists license their style here. Sign in to begin." in page.text) == is_told


def test_who_becomes_an_artist_is_told_that_the_signature_can_change(buyer_client):
    text = Page(buyer_client.get("/become-artist")).text
    assert "You can change your signature later in the studio." in text


def test_who_becomes_an_artist_is_told_what_earned_tokens_are_worth(buyer_client):
    page = Page(buyer_client.get("/become-artist"))
    assert "You earn the whole price of each delivered picture, in tokens." in page.text
    assert "or paid out in money" in page.text
    assert "/how-it-works#earnings" in page.links()
