import pytest

from tests.webapp.pages.reading import Page
from webapp.domain.models.notification_setting import NotificationKind
from webapp.domain.queries import notification_settings as setting_queries
from webapp.pages import notification_settings

SETTINGS = "/notifications/settings"
OF_BUYERS = ["likes", "comments", "follows", "orders"]


def boxes(client):
    """The kinds of the page, and whether they are checked."""
    page = Page(client.get(SETTINGS))
    return {each["value"]: "checked" in each for each in page.all("input", name="in_bell")}


def off(session, user):
    return [each.kind for each in setting_queries.own(session, user.id) if not each.in_bell]


def choose(client, *kinds):
    return client.post(SETTINGS, data={"csrf_token": client.csrf_token, "in_bell": list(kinds)})


def test_every_kind_has_words():
    assert list(notification_settings.WORDS) == list(NotificationKind)


def test_a_buyer_sees_the_kinds_of_buyers_and_an_artist_all(buyer_client, artist_client):
    assert boxes(buyer_client) == dict.fromkeys(OF_BUYERS, True)
    assert boxes(artist_client) == dict.fromkeys([*OF_BUYERS, "styles", "sales"], True)


def test_the_page_says_what_cannot_be_switched_off(buyer_client):
    page = Page(buyer_client.get(SETTINGS))
    assert (
        "Notifications of payments, refunds, decisions of administrators and your account cannot be"
        " switched off." in page.text
    )
    assert "Payments, refunds, and orders that failed and were refunded." in page.text
    assert "A copy of your data is ready, or mails or webhooks were stopped." in page.text
    assert page.own_code() == []


def test_what_is_not_checked_is_switched_off(buyer_client, session, buyer):
    answer = choose(buyer_client, "comments", "orders")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"{SETTINGS}?saved=notifications",
    )
    page = Page(buyer_client.get(answer.headers["Location"]))
    assert "Your notification settings are saved." in page.text
    assert off(session, buyer) == ["likes", "follows"]
    assert boxes(buyer_client) == {
        "likes": False,
        "comments": True,
        "follows": False,
        "orders": True,
    }
    choose(buyer_client, *OF_BUYERS)
    assert off(session, buyer) == []


@pytest.mark.parametrize("kinds", [("money", "reports"), ("gossip",), ()])
def test_a_form_cannot_switch_off_more_than_it_shows(buyer_client, session, buyer, kinds):
    assert choose(buyer_client, *kinds).status_code == 303
    assert off(session, buyer) == OF_BUYERS


def test_the_settings_are_found_from_the_notifications_and_the_profile(buyer_client):
    for path in ("/notifications", "/me/settings"):
        assert SETTINGS in Page(buyer_client.get(path)).links()


def test_strangers_sign_in_first(client):
    assert client.get(SETTINGS).headers["Location"] == f"/login?next={SETTINGS}"
