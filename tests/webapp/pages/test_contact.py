import pytest

from tests.webapp.pages.reading import Page
from webapp.pages.contact import dialled

STATED = {
    "operator_name": "스타일라이선스 <주식회사> & Co.",
    "operator_representative": "홍길동",
    "operator_business_number": "123-45-67890",
    "operator_mail_order_number": "2026-서울강남-01234",
    "operator_address": "서울특별시 강남구 테헤란로 1, 2층",
    "operator_phone": "+82 2-123-4567",
    "operator_email": "help@styles.example",
    "operator_hosting_provider": "Example Cloud",
}


@pytest.fixture
def state(app, monkeypatch):
    """Change what the operator states."""

    def change(**values):
        changed = app.extensions["settings"].model_copy(update=values)
        monkeypatch.setitem(app.extensions, "settings", changed)

    return change


@pytest.mark.parametrize("language", ["en", "ko"])
def test_business_data_is_shown_exactly_as_configured(client, state, language):
    state(**STATED)
    answer = client.get("/contact", headers={"Accept-Language": language})
    page = Page(answer)
    data, footer = answer.text.split("<footer", 1)
    for value in STATED.values():
        escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert escaped in data, value
        assert escaped in footer, value
        assert value in page.text
    assert {"tel:+8221234567", "mailto:help@styles.example"} <= set(page.links())
    assert page.own_code() == []


def test_business_data_stands_at_the_foot_of_every_page(client, state):
    state(**STATED)
    for address in ("/", "/login", "/nowhere", "/refunds"):
        text = Page(client.get(address)).text
        assert "Business registration number: 123-45-67890" in text, address
        assert "Mail-order business report number: 2026-서울강남-01234" in text, address


def test_machines_read_who_runs_the_site(client, state):
    assert Page(client.get("/contact")).structured == []
    state(**STATED)
    [data] = Page(client.get("/contact")).structured
    assert (data["@type"], data["name"]) == ("Organization", STATED["operator_name"])
    assert data["telephone"] == STATED["operator_phone"]


def test_an_installation_without_an_operator_says_so(client):
    page = Page(client.get("/contact"))
    assert "This installation has not stated who operates it." in page.text
    assert page.all("dl") == []
    assert page.all("p", **{"class": "operator"}) == []


def test_only_what_is_stated_has_a_line(client, state):
    state(operator_name="One Person", operator_phone="call me")
    page = Page(client.get("/contact"))
    assert len(page.all("dt")) == 2
    assert "has not stated" not in page.text
    assert not [link for link in page.links() if link.startswith("tel:")]


@pytest.mark.parametrize(
    "phone, digits",
    [("02-123-4567", "021234567"), (" +82 2 123", "+822123"), ("ask at the desk", "")],
)
def test_a_phone_number_is_dialled_by_its_digits(phone, digits):
    assert dialled(phone) == digits
