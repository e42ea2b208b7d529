"""Pages without anything to show lead on, and never in a circle."""

import re
from urllib.parse import urljoin, urlsplit

import pytest

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.services import accounts, leaving
from webapp.domain.services.accounts import GoogleIdentity

EMPTY = re.compile(r'class="empty(?:-list)?">(.*?)(?:</div>|</p>\s*<p>.*?</p>)', re.DOTALL)
LINK = re.compile(r'href="([^"]+)"')
MOST_STEPS = 5
MINA = GoogleIdentity("1000", "mina@example.com", "Mina Park")


def way_out(client, path: str) -> str | None:
    """Where an empty page leads first; None for a page with something on it."""
    answer = client.get(path, follow_redirects=True)
    assert answer.status_code == 200, path
    found = EMPTY.search(answer.text)
    if found is None:
        return None
    [leads, *_] = LINK.findall(found[0].replace("&amp;", "&")) or [None]
    assert leads, f"{path} leads nowhere"
    return urljoin(path, leads)


def walk(client, path: str) -> list[str]:
    """The pages from an empty one to the first with something on it, or to a form on the page."""
    seen = [path]
    while (leads := way_out(client, seen[-1])) and not leads.startswith(f"{seen[-1]}#"):
        assert urlsplit(leads)._replace(fragment="").geturl() not in seen, (
            f"a circle: {seen}, {leads}"
        )
        seen.append(urlsplit(leads)._replace(fragment="").geturl())
        assert len(seen) <= MOST_STEPS, seen
    return seen


ALONE = (
    "/", "/?tags=cat", "/?aspect_ratio=1:2", "/?artist_id=9", "/?following=1", "/styles",
    "/styles?tags=cat", "/styles?max_price=1", "/styles?following=true", "/styles?q=nothing",
    "/styles?q=nothing&type=styles", "/styles?q=nothing&type=artists", "/me", "/me?state=public",
    "/me?state=private", "/me?state=making", "/me?state=failed", "/me?state=liked",
    "/me?state=collections", "/me/licenses", "/notifications", "/notifications?unread_only=true",
    "/wallet?type=purchase", "/wallet?month=2020-01", "/users/{me}", "/users/{me}/collections",
)  # fmt: skip


@pytest.mark.parametrize("path", ALONE)
def test_a_newcomer_is_led_on_where_nothing_exists_yet(buyer, buyer_client, path):
    walk(buyer_client, path.format(me=buyer.id))


def links_of(client, path: str) -> list[str]:
    """All links of the part of a page that says that nothing is there."""
    found = EMPTY.search(client.get(path).text)
    assert found, path
    return LINK.findall(found[0].replace("&amp;", "&"))


@pytest.mark.parametrize("tag", ["zeppelin", "비행선", "tag-of-nobody"])
def test_a_tag_that_nothing_has_leads_from_neither_list_to_the_other(client, image, tag):
    assert links_of(client, f"/?tags={tag}") == ["/", "/styles"]
    assert links_of(client, f"/styles?tags={tag}") == ["/styles?"]


def test_a_tag_without_pictures_leads_to_an_order_in_a_style_that_knows_it(
    client, session, style, image
):
    style.tags = [*style.tags, "lighthouse"]
    session.commit()
    first, *others = links_of(client, "/?tags=lighthouse")
    assert first == f"/styles/{style.id}?prompt_tags=lighthouse#generate"
    assert others == ["/"]
    page = Page(client.get(first))
    assert [each["value"] for each in page.all("input", id="prompt")] == ["lighthouse"]


def test_a_tag_without_styles_leads_to_the_pictures_that_have_it(client, session, image):
    image.prompt_tags = ["lighthouse"]
    session.commit()
    assert links_of(client, "/styles?tags=lighthouse") == ["/styles?", "/?tags=lighthouse"]
    assert way_out(client, "/?tags=lighthouse") is None


@pytest.mark.parametrize("path", ["/studio", "/wallet", "/me", "/users/{me}", "/users/{me}?of=own"])
def test_an_artist_without_a_style_is_led_on(artist, artist_client, path):
    walk(artist_client, path.format(me=artist.user_id))


@pytest.mark.parametrize("days, leads", [(7, "?days=90"), (90, "/me/page")])
def test_statistics_without_numbers_lead_to_a_longer_time_and_then_to_the_artists_page(
    artist_client, style, days, leads
):
    path = f"/studio/styles/{style.id}/statistics"
    assert way_out(artist_client, f"{path}?days={days}") == urljoin(path, leads)


@pytest.mark.parametrize(
    "path",
    [
        "/admin", "/admin?target_type=style", "/admin/flagged", "/admin/users?q=nobody",
        "/admin/styles?q=nothing", "/admin/images", "/admin/comments", "/admin/tags",
        "/admin/collections", "/admin/ledger?person=nobody", "/admin/payouts",
        "/admin/payouts?status=all", "/admin/log", "/admin/log?object_type=style",
        "/admin?done=hidden",
    ],
)  # fmt: skip
def test_administrators_are_led_on(admin_client, path):
    walk(admin_client, path)


def test_who_comes_back_without_a_bonus_is_led_to_the_packages(sign_in, session):
    """The bonus is given once, so a second account of a person begins without a transaction."""
    first = session.get(User, accounts.sign_in(session, MINA).user_id)
    leaving.leave(session, user=first, confirm=first.username)
    client = sign_in(session.get(User, accounts.sign_in(session, MINA).user_id))
    assert way_out(client, "/wallet") == "/wallet#packages-title"
    assert walk(client, "/wallet?type=usage") == ["/wallet?type=usage", "/wallet"]


def test_own_private_pictures_are_where_an_empty_profile_leads(
    buyer, buyer_client, ordered, finish
):
    finish(ordered)
    assert way_out(buyer_client, f"/users/{buyer.id}") == "/me"
    assert way_out(buyer_client, "/me?state=failed") == "/me"


def test_the_profile_of_another_leads_to_a_style(client, session, artist, style):
    stranger = making.user(session)
    session.commit()
    assert way_out(client, f"/users/{stranger.id}") == "/styles"
    assert way_out(client, f"/users/{stranger.id}/collections") == "/"
    assert session.get(User, artist.user_id)
    assert way_out(client, f"/users/{artist.user_id}") == f"/styles/{style.id}"
