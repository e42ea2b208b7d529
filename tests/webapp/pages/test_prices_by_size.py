"""Pages say what each size costs, and a form without scripts charges the total that it showed."""

import pytest
from sqlalchemy import select, update

from tests import making
from tests.webapp.pages.reading import Page
from tests.webapp.pages.test_styles import order_form
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.models.style import Style
from webapp.domain.prices import Prices

KOREAN = {"Accept-Language": "ko"}
BY_SIZE = [("1:1", 10), ("1:2", 20), ("2:2", 40)]
of_every_size = pytest.mark.parametrize("ratio, price", BY_SIZE)


@pytest.fixture
def both(session, style):
    """The style sells its personal licence for 10 tokens, the commercial one for 25."""
    session.execute(update(Style).where(Style.id == style.id).values(**Prices(10, 25).columns()))
    session.commit()
    return style


def sent(client, style, page=None, **changes):
    """The answer to the order form of a style, filled in."""
    page = page or Page(client.get(f"/styles/{style.id}"))
    return client.post(f"/styles/{style.id}/generate", data=order_form(page, **changes))


def ordered(session):
    prices = select(Generation.price_tokens).order_by(Generation.id)
    return session.scalars(prices).all()


# ── What is shown ────────────────────────────────────────────────────────────────────────────


def test_each_size_stands_beside_its_price(client, style):
    page = Page(client.get(f"/styles/{style.id}"))
    for choice in (
        "Square 512 × 512 10 tokens",
        "Large 1024 × 1024 40 tokens",
        "Portrait 512 × 1024 20 tokens",
    ):
        assert choice in page.text
    assert "A picture with twice as many pixels costs twice as much." in page.text
    korean = Page(client.get(f"/styles/{style.id}", headers=KOREAN))
    assert "정사각형 512 × 512 10토큰 크게 1024 × 1024 40토큰 세로 512 × 1024 20토큰" in korean.text


def test_scripts_find_the_factor_of_each_size_and_the_highest_price(client, style):
    page = Page(client.get(f"/styles/{style.id}"))
    sizes = page.all("input", type="radio", name="aspect_ratio")
    assert {each["value"]: each["data-factor"] for each in sizes} == {
        "1:1": "1",
        "1:2": "2",
        "2:2": "4",
    }
    [form] = page.all("form", id="order")
    assert (form["data-one-token"], form["data-tokens"]) == ("1 token", "{count} tokens")
    assert form["data-most"] == "10000"


@of_every_size
def test_the_button_has_the_price_of_the_chosen_size(client, buyer_client, style, ratio, price):
    address = f"/styles/{style.id}?aspect_ratio={ratio}"
    assert f"Sign in to make a picture · {price} tokens" in Page(client.get(address)).text
    page = Page(buyer_client.get(f"{address}&count=2"))
    assert f"Make 2 pictures · {2 * price} tokens" in page.text
    assert "checked" in page.all("input", name="aspect_ratio", value=ratio)[0]


def test_the_licences_have_the_prices_of_the_chosen_size(client, both):
    page = Page(client.get(f"/styles/{both.id}?aspect_ratio=2:2&license_type=commercial"))
    assert "Personal licence 40 tokens" in page.text
    assert "Commercial licence 100 tokens" in page.text
    assert "Square 512 × 512 25 tokens" in page.text
    assert "Sign in to make a picture · 100 tokens" in page.text


def test_no_size_is_shown_above_the_highest_price(session, client, style):
    session.execute(update(Style).where(Style.id == style.id).values(price_tokens=3000))
    session.commit()
    text = Page(client.get(f"/styles/{style.id}")).text
    assert "Large 1024 × 1024 10,000 tokens" in text
    assert "Portrait 512 × 1024 6,000 tokens" in text


@of_every_size
def test_a_picture_says_what_one_like_it_costs(session, client, buyer, style, finish, ratio, price):
    [image] = making.order(session, buyer, style, aspect_ratio=AspectRatio(ratio))
    finish(image, is_public=True)
    assert f"Make one like this {price} tokens" in Page(client.get(f"/g/{image.id}")).text


def test_a_picture_of_a_style_with_two_licences_says_from_what_one_like_it_costs(
    session, client, buyer, both, finish
):
    [image] = making.order(session, buyer, both, aspect_ratio=AspectRatio.PORTRAIT)
    finish(image, is_public=True)
    assert "Make one like this from 20 tokens" in Page(client.get(f"/g/{image.id}")).text


@pytest.mark.parametrize("path", ["/styles", "/styles?q=ink", "/users/{artist}"])
def test_lists_say_from_what_a_style_costs(client, style, path):
    page = Page(client.get(path.format(artist=style.artist_id)))
    assert "from 10 tokens" in page.text


@pytest.mark.parametrize("where", ["/styles/{id}", "/studio"])
def test_an_artist_reads_what_larger_pictures_cost(artist_client, style, where):
    address = where.format(id=style.id)
    help_of_prices = "at most 10,000 tokens: Large ×4, Portrait ×2."
    assert help_of_prices in Page(artist_client.get(address)).text
    korean = Page(artist_client.get(address, headers=KOREAN))
    assert "10,000토큰을 넘지 않습니다: 크게 ×4, 세로 ×2." in korean.text


def test_how_it_works_says_what_larger_pictures_cost(client):
    text = Page(client.get("/how-it-works")).text
    assert "the price of a picture of 512 × 512 pixels, from 1 to 10,000 tokens." in text
    assert "never more than 10,000 tokens: Portrait 2 times, Large 4 times." in text


# ── A form without scripts ───────────────────────────────────────────────────────────────────


@of_every_size
def test_a_chosen_size_is_ordered_once_the_form_has_shown_its_total(
    session, buyer_client, style, ratio, price
):
    first = Page(buyer_client.get(f"/styles/{style.id}"))
    answer = sent(buyer_client, style, first, aspect_ratio=ratio, count="2")
    page = Page(answer)
    assert answer.status_code == 200
    assert ordered(session) == []
    assert f"This order costs {2 * price} tokens. Press the button to place it." in page.text
    assert f"Make 2 pictures · {2 * price} tokens" in page.text
    assert sent(buyer_client, style, page).status_code == 302
    assert ordered(session) == [price, price]


def test_the_total_that_was_shown_is_ordered_at_once(session, buyer_client, style):
    page = Page(buyer_client.get(f"/styles/{style.id}?aspect_ratio=2:2"))
    assert sent(buyer_client, style, page).status_code == 302
    assert ordered(session) == [40]


def test_another_licence_is_ordered_once_the_form_has_shown_its_total(session, buyer_client, both):
    answer = sent(buyer_client, both, license_type="commercial", aspect_ratio="1:2")
    page = Page(answer)
    assert (answer.status_code, ordered(session)) == (200, [])
    assert "This order costs 50 tokens." in page.text
    assert sent(buyer_client, both, page).status_code == 302
    assert ordered(session) == [50]


def test_one_token_is_told_in_the_singular(session, buyer_client, style):
    session.execute(update(Style).where(Style.id == style.id).values(price_tokens=1))
    session.commit()
    large = Page(buyer_client.get(f"/styles/{style.id}?aspect_ratio=2:2"))
    page = Page(sent(buyer_client, style, large, aspect_ratio="1:1"))
    assert "This order costs 1 token. Press the button to place it." in page.text
    assert "Square 512 × 512 1 token " in page.text


def test_a_price_that_changed_meanwhile_is_told_as_that_of_the_size(session, buyer_client, style):
    page = Page(buyer_client.get(f"/styles/{style.id}?aspect_ratio=2:2"))
    session.execute(update(Style).where(Style.id == style.id).values(price_tokens=11))
    session.commit()
    answer = sent(buyer_client, style, page)
    again = Page(answer)
    assert (answer.status_code, ordered(session)) == (409, [])
    assert "The price has changed." in again.text
    assert "Make 1 picture · 44 tokens" in again.text
    assert sent(buyer_client, style, again).status_code == 302
    assert ordered(session) == [44]


@pytest.mark.parametrize("expected", ["-1", "many", "1.5", "9" * 5000, "10001"])
def test_a_forged_price_orders_nothing(session, buyer_client, style, expected):
    for ratio in ("1:1", "2:2"):
        answer = sent(buyer_client, style, expected_commercial_price=expected, aspect_ratio=ratio)
        assert answer.status_code in {200, 409, 422}
    assert ordered(session) == []


@pytest.mark.parametrize("ratio", ["9:9", "<b>", "1:2, 2:2"])
def test_a_size_that_is_not_offered_is_refused_and_the_usual_one_is_chosen(
    session, buyer_client, style, ratio
):
    answer = sent(buyer_client, style, aspect_ratio=ratio)
    assert (answer.status_code, ordered(session)) == (422, [])
    page = Page(answer)
    [chosen] = [each for each in page.all("input", name="aspect_ratio") if "checked" in each]
    assert chosen["value"] == "1:1"
    assert "Make 1 picture · 10 tokens" in page.text
