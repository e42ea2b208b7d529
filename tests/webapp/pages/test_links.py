"""Fields of a request that an address may carry on, and those that it may not."""

from urllib.parse import urlsplit

import pytest

from webapp.pages import links

# Names that `url_for` takes for its own options, and a name that nobody knows.
HOSTILE = ("endpoint", "_method", "_external", "_scheme", "_anchor", "values", "self", "x")
ALL_AT_ONCE = "&".join(f"{name}=DELETE" for name in HOSTILE)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_old_address_of_the_wallet_leads_to_the_wallet_whatever_it_carries(buyer_client, name):
    answer = buyer_client.get(f"/tokens?{name}=DELETE&order=P_1")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/wallet?order=P_1")


@pytest.mark.parametrize("name", HOSTILE)
def test_marking_all_as_read_leads_back_whatever_the_address_carries(buyer_client, name):
    answer = buyer_client.post(f"/notifications/read?{name}=1&unread_only=true")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "/notifications?unread_only=true",
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_showing_a_picture_leads_back_whatever_the_address_carries(
    buyer_client, ordered, finish, name
):
    image = finish(ordered)
    address = f"/me/works/{image.id}/visibility?{name}=1&state=public"
    answer = buyer_client.post(address, data={"is_public": "1"})
    expected = f"/me?state=public#work-{image.id}"
    assert (answer.status_code, answer.headers["Location"]) == (302, expected)


def test_no_page_fails_or_leaves_the_site_for_what_an_address_carries(app, buyer_client, style):
    """All pages without a part in their path, and those of a style, with hostile fields."""
    paths = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("pages.") and "GET" in rule.methods and not rule.arguments
    }
    for path in sorted(paths | {f"/styles/{style.id}", f"/styles/{style.id}/try-outs"}):
        answer = buyer_client.get(f"{path}?{ALL_AT_ONCE}")
        assert answer.status_code < 500, path
        target = urlsplit(answer.headers.get("Location", ""))
        assert (target.scheme, target.netloc) == ("", ""), path


def test_an_address_carries_known_fields_in_their_order_and_nothing_else(app):
    with app.test_request_context("/tokens?next=/styles/1%23a&order=P%201&_external=1&cursor="):
        address = links.with_known("pages.wallet.show", links.WALLET)
    assert address == "/wallet?order=P+1&next=%2Fstyles%2F1%23a"
