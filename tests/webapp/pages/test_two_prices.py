"""Pages of a style with two licences: what is chosen, ordered and changed without scripts."""

import pytest
from sqlalchemy import select, update

from tests import making
from tests.webapp.pages.reading import Page
from tests.webapp.pages.test_styles import offered, order_form
from webapp.domain.models.account import User
from webapp.domain.models.generation import AspectRatio, Generation, Order
from webapp.domain.models.style import Style
from webapp.domain.prices import Prices
from webapp.domain.services import offers


@pytest.fixture
def both(session, style):
    """The style sells its personal licence for 10 tokens, the commercial one for 25."""
    session.execute(update(Style).where(Style.id == style.id).values(**Prices(10, 25).columns()))
    session.commit()
    return style


def sell(session, style, prices):
    artist = session.get(User, style.artist_id)
    offers.edit(session, user=artist, style_id=style.id, changes={"prices": prices})
    session.commit()


def test_each_licence_stands_beside_its_price_and_its_terms(client, both):
    page = Page(client.get(f"/styles/{both.id}"))
    choices = page.all("input", type="radio", name="license_type")
    assert [each["value"] for each in choices] == ["personal", "commercial"]
    assert "checked" in choices[0]
    for words in ("Personal licence 10 tokens", "Commercial licence 25 tokens", "Personal use:"):
        assert words in page.text
    for kind in ("personal", "commercial"):
        assert page.links().count(f"/licenses/terms/{kind}/2026-11") == 2


def test_a_style_with_one_licence_asks_for_no_choice(client, style):
    page = Page(client.get(f"/styles/{style.id}"))
    assert page.all("input", type="radio", name="license_type") == []
    [hidden] = page.all("input", type="hidden", name="license_type")
    assert hidden["value"] == "commercial"


@pytest.mark.parametrize("licence, price", [("personal", 10), ("commercial", 25)])
def test_the_chosen_licence_is_ordered_by_a_plain_form(session, buyer_client, both, licence, price):
    page = Page(buyer_client.get(f"/styles/{both.id}"))
    answer = buyer_client.post(
        f"/styles/{both.id}/generate",
        data=order_form(page, license_type=licence, seen_total=str(price)),
    )
    assert answer.status_code == 302
    made = session.execute(
        select(Generation.price_tokens, Order.license_type).join(
            Order, Order.id == Generation.order_id
        )
    ).one()
    assert tuple(made) == (price, licence)


def test_a_price_that_changed_meanwhile_is_told_and_the_choice_stays(session, buyer_client, both):
    page = Page(buyer_client.get(f"/styles/{both.id}"))
    sell(session, both, Prices(10, 26))
    form = order_form(page, license_type="commercial", seen_total="25")
    answer = buyer_client.post(f"/styles/{both.id}/generate", data=form)
    assert answer.status_code == 409
    page = Page(answer)
    assert "The price has changed." in page.text
    assert "Make 1 picture · 26 tokens" in page.text
    assert (
        buyer_client.post(f"/styles/{both.id}/generate", data=order_form(page)).status_code == 302
    )


def test_a_licence_that_is_no_longer_sold_is_told_and_nothing_is_ordered(
    session, buyer_client, both
):
    page = Page(buyer_client.get(f"/styles/{both.id}"))
    sell(session, both, Prices(personal=10))
    form = order_form(page, license_type="commercial")
    answer = buyer_client.post(f"/styles/{both.id}/generate", data=form)
    assert answer.status_code == 409
    assert "This style does not sell this licence." in Page(answer).text
    assert session.scalars(select(Generation)).all() == []


@pytest.mark.parametrize("licence", ["exclusive", "", "<b>"])
def test_a_form_with_another_licence_orders_none_or_the_default(
    session, buyer_client, both, licence
):
    page = Page(buyer_client.get(f"/styles/{both.id}"))
    form = order_form(page, license_type=licence)
    answer = buyer_client.post(f"/styles/{both.id}/generate", data=form)
    ordered = session.scalars(select(Order.license_type)).all()
    assert (answer.status_code, ordered) == ((302, ["personal"]) if not licence else (422, []))


def test_an_address_carries_the_choice_of_a_licence(client, both):
    page = Page(client.get(f"/styles/{both.id}?license_type=commercial"))
    [chosen] = [
        each for each in page.all("input", type="radio", name="license_type") if "checked" in each
    ]
    assert chosen["value"] == "commercial"
    assert "Sign in to make a picture · 25 tokens" in page.text


def test_a_picture_names_price_and_licence_to_its_owner_alone(
    session, buyer_client, client, buyer, both, finish
):
    [image] = making.order(session, buyer, both, license_type="commercial")
    finish(image, is_public=True)
    assert "Licence Commercial licence" in Page(buyer_client.get(f"/g/{image.id}")).text
    assert "Commercial licence" not in Page(client.get(f"/g/{image.id}")).text
    assert "Commercial licence" in Page(client.get(f"/l/{image.license_public_id}")).text
    assert "Commercial licence" in Page(buyer_client.get("/me/licenses")).text


@pytest.mark.parametrize("path", ["/styles", "/styles?q=ink", "/users/{artist}"])
def test_lists_show_the_lowest_price_and_both_licences(client, both, path):
    page = Page(client.get(path.format(artist=both.artist_id)))
    assert "from 10 tokens" in page.text
    assert "Personal or commercial licence" in page.text


# ── The artist ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["/styles/{id}", "/studio"])
@pytest.mark.parametrize(
    "sent, prices",
    [
        (("12", "30"), Prices(12, 30)),
        (("", "30"), Prices(commercial=30)),
        (("12", ""), Prices(personal=12)),
        ((" 12 ", "12"), Prices(12, 12)),
    ],
)
def test_prices_are_changed_by_a_plain_form(session, artist_client, both, where, sent, prices):
    page = Page(artist_client.get(where.format(id=both.id)))
    fields = [
        page.all("input", name=f"{kind}_price")[0]["value"] for kind in ("personal", "commercial")
    ]
    assert fields == ["10", "25"]
    action = f"/studio/styles/{both.id}/terms" if where == "/studio" else f"/styles/{both.id}/terms"
    data = {"personal_price": sent[0], "commercial_price": sent[1]}
    answer = artist_client.post(action, data=data)
    assert answer.status_code == 303
    session.refresh(both)
    assert Prices.of_style(both) == prices


@pytest.mark.parametrize("where", ["/styles/{id}", "/studio"])
def test_an_artist_reads_beside_the_prices_what_they_are_worth(artist_client, both, where):
    page = Page(artist_client.get(where.format(id=both.id)))
    assert "An earned token is worth ₩70 when it is paid out." in page.text
    [said] = [each for each in page.all("small") if "data-worth" in each]
    assert said["data-worth"] == "70"
    assert said["data-text"].startswith("{licence}: you earn {count} tokens per picture")
    assert "/static/js/price-fields.js" in " ".join(
        each["src"] for each in page.all("script") if "src" in each
    )
    assert "/how-it-works#earnings" in page.links()


def test_the_worth_is_that_of_the_settings(app, artist_client, monkeypatch):
    changed = app.extensions["settings"].model_copy(update={"payout_krw_per_token": 55})
    monkeypatch.setitem(app.extensions, "settings", changed)
    page = Page(artist_client.get("/studio/new"))
    assert "An earned token is worth ₩55 when it is paid out." in page.text


@pytest.mark.parametrize("where", ["styles", "studio/styles"])
@pytest.mark.parametrize(
    "sent, told",
    [
        (("", ""), "At least one licence needs a price."),
        (("10", "9"), "The commercial licence may not cost less than the personal one."),
        (("many", "9"), "from 1 to 10,000"),
        (("1", "10001"), "from 1 to 10,000"),
        (("1", "1.5"), "from 1 to 10,000"),
    ],
)
def test_wrong_prices_are_told_and_change_nothing(session, artist_client, both, where, sent, told):
    data = {"personal_price": sent[0], "commercial_price": sent[1]}
    answer = artist_client.post(f"/{where}/{both.id}/terms", data=data)
    assert answer.status_code == 422
    page = Page(answer)
    assert told in page.text
    assert [page.all("input", name=f"{kind}_price")[0]["value"] for kind in data_kinds(data)] == [
        *sent
    ]
    session.refresh(both)
    assert Prices.of_style(both) == Prices(10, 25)


def data_kinds(data):
    return [name.removesuffix("_price") for name in data]


# ── Filters ──────────────────────────────────────────────────────────────────────────────────


def test_styles_are_narrowed_by_price_and_widened_again(session, client, both):
    other = making.style(session, tags=["boat"], price_tokens=40)
    session.commit()
    page = Page(client.get("/styles?tags=boat&max_price=39"))
    assert offered(page) == [both.id]
    assert "/styles?tags=boat" in page.links()  # without the price
    [form] = page.all("form", **{"aria-label": "Filter by price"})
    assert form["action"] == "/styles"
    assert {"name": "tags", "value": "boat", "type": "hidden"} in page.all("input", type="hidden")
    page = Page(client.get("/styles?license_type=commercial&max_price=24"))
    assert offered(page) == []
    assert "No styles match these filters." in page.text
    assert other.id in offered(Page(client.get("/styles?max_price=40")))


def test_a_search_is_narrowed_by_price(session, client, both):
    dear = making.style(session, name="Ink dear", price_tokens=40)
    session.commit()
    assert set(offered(Page(client.get("/styles?q=ink")))) == {both.id, dear.id}
    page = Page(client.get("/styles?q=ink&max_price=39"))
    assert offered(page) == [both.id]
    assert "/styles?q=ink" in page.links()


@pytest.mark.parametrize("price", ["0", "many", "10001"])
def test_a_filter_that_is_no_price_is_told(client, price):
    assert client.get(f"/styles?max_price={price}").status_code == 422


def test_the_gallery_is_narrowed_by_shape_and_keeps_its_other_filters(
    session, client, buyer, style, finish
):
    for shape in (AspectRatio.SQUARE, AspectRatio.PORTRAIT):
        finish(making.order(session, buyer, style, aspect_ratio=shape)[0], is_public=True)
    page = Page(client.get("/?tags=boat"))
    assert "/?tags=boat&aspect_ratio=1%3A2" in page.links()
    page = Page(client.get("/?tags=boat&aspect_ratio=1%3A2"))
    [card] = [each for each in page.all("li") if "card" in each.get("class", "")]
    assert card
    assert "/?tags=boat" in page.links()
    assert "/?sort=recent&tags=boat&aspect_ratio=1%3A2" in page.links()
    page = Page(client.get("/?aspect_ratio=2%3A2"))
    assert "No pictures have this shape." in page.text
    assert client.get("/?aspect_ratio=3:2").status_code == 422
