import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from tests.mailing import SENDER, reader, setting_of
from tests.webapp.pages.reading import Page
from webapp.domain.mail_digest_words import unsubscribe_path
from webapp.domain.models.account import User
from webapp.domain.models.mail_digest import DigestFrequency
from webapp.domain.services import mail_digest_settings

SETTINGS = "/notifications/settings"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def offered(app, monkeypatch):
    """A site that sends mails."""
    changed = app.extensions["settings"].model_copy(update={"mail_from": SENDER})
    monkeypatch.setitem(app.extensions, "settings", changed)


@pytest.fixture
def link(session):
    """The link of somebody who gets digests; nobody is signed in."""
    person = reader(session)
    session.commit()
    signature = mail_digest_settings.signature(setting_of(session, person))
    return person, unsubscribe_path(person.id, signature)


def frequency(session, person):
    return setting_of(session, person).frequency


def chosen(client):
    page = Page(client.get(SETTINGS))
    return [
        each["value"] for each in page.all("input", name="mail_digest") if "checked" in each
    ], page


def choose(client, value):
    return client.post(
        SETTINGS,
        data={"csrf_token": client.csrf_token, "in_bell": ["likes"], "mail_digest": value},
    )


@pytest.mark.usefixtures("offered")
def test_the_digest_is_off_until_somebody_chooses_it(buyer_client, session, buyer):
    values, page = chosen(buyer_client)
    assert values == ["off"]
    assert f"in one mail to {buyer.email}" in page.text
    assert choose(buyer_client, "weekly").status_code == 303
    assert chosen(buyer_client)[0] == ["weekly"]
    assert setting_of(session, buyer).language == "en"
    choose(buyer_client, "off")
    assert chosen(buyer_client)[0] == ["off"]


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize("value", ["", "hourly", "OFF"])
def test_a_form_with_another_value_changes_nothing_of_the_mails(
    buyer_client, session, buyer, value
):
    choose(buyer_client, "daily")
    assert choose(buyer_client, value).status_code == 303
    assert frequency(session, buyer) == DigestFrequency.DAILY


def test_a_site_that_sends_no_mails_says_nothing_of_them(buyer_client, session, buyer):
    values, page = chosen(buyer_client)
    assert values == []
    assert "mail" not in page.text.lower().replace("or mails or webhooks were stopped", "")
    assert choose(buyer_client, "daily").status_code == 303
    assert buyer_client.get(f"/api/v1{SETTINGS}").json["data"]["mail_digest"] is None


def test_to_open_the_link_of_a_mail_changes_nothing(client, session, link):
    person, path = link
    for method in ("GET", "HEAD"):
        assert client.open(path, method=method).status_code == 200
    page = Page(client.get(path))
    assert "Switch the mail digest off?" in page.text
    assert [each.get("method") for each in page.all("form") if "action" not in each] == ["post"]
    assert page.own_code() == []
    assert frequency(session, person) == DigestFrequency.DAILY


@pytest.mark.parametrize("body", [ONE_CLICK, {}])
def test_one_post_switches_it_off_without_a_sign_in_or_a_redirect(client, session, link, body):
    person, path = link
    for _ in range(2):  # mail programs may send it again
        answer = client.post(path, data=body)
        assert answer.status_code == 200
        assert "The mail digest is off" in Page(answer).text
        assert frequency(session, person) == DigestFrequency.OFF
    assert SETTINGS in Page(client.get(path)).links()


def test_somebody_signed_in_uses_the_link_too(buyer_client, session, link):
    person, path = link
    buyer_client.csrf_token = None
    assert buyer_client.post(path, data=ONE_CLICK).status_code == 200
    assert frequency(session, person) == DigestFrequency.OFF


def test_no_log_line_has_the_link(app, client, link, monkeypatch):
    _, path = link
    with capture_logs() as lines:
        client.get(path)
        client.post(path)
        client.put(path)
        client.get(f"{path}/")
        monkeypatch.setitem(app.config, "RAISE_UNEXPECTED", False)
        monkeypatch.setattr(mail_digest_settings, "check_link", lambda *_: 1 / 0)
        client.get(path)
    told = [(line["event"], line["path"]) for line in lines if "path" in line]
    assert set(told) == {("request", "/unsubscribe/…"), ("unexpected_error", "/unsubscribe/…")}
    assert len(told) == 6
    assert path.rpartition("/")[2] not in str(lines)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_link_is_not_found(client, session, link, method):
    person, path = link
    for wrong in (path[:-1] + "z", path[:-8], f"/unsubscribe/0/{'a' * 64}"):
        assert client.open(wrong, method=method).status_code == 404
    session.execute(update(User).where(User.id == person.id).values(email="other@example.org"))
    session.expire_all()
    mail_digest_settings.of_address(session, session.get_one(User, person.id))
    assert client.open(path, method=method).status_code == 404
    assert frequency(session, person) == DigestFrequency.DAILY


@pytest.mark.usefixtures("offered")
def test_the_language_of_the_page_is_kept_for_the_mails(buyer_client, session, buyer):
    buyer_client.set_cookie("lang", "ko")
    choose(buyer_client, "daily")
    assert setting_of(session, buyer).language == "ko"


@pytest.mark.usefixtures("offered")
def test_the_api_reads_and_writes_the_choice(buyer_client, session, buyer):
    api = f"/api/v1{SETTINGS}"
    assert buyer_client.get(api).json["data"]["mail_digest"] == "off"
    answer = buyer_client.patch(api, json={"mail_digest": "daily"})
    assert (answer.status_code, answer.json["data"]["mail_digest"]) == (200, "daily")
    assert buyer_client.patch(api, json={"likes": False}).json["data"]["mail_digest"] == "daily"
    assert buyer_client.patch(api, json={"mail_digest": "hourly"}).status_code == 422
    assert frequency(session, buyer) == DigestFrequency.DAILY


def test_the_api_refuses_digests_that_are_not_offered(buyer_client):
    answer = buyer_client.patch(f"/api/v1{SETTINGS}", json={"mail_digest": "daily"})
    assert answer.status_code == 422
    fields = answer.json["error"]["details"]["fields"]
    assert fields == {"mail_digest": ["This site sends no mails."]}
