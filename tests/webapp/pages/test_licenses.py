import io
import re
from datetime import UTC, date, datetime

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.license import Certificate
from webapp.pages import licenses, terms


def test_a_certificate_says_who_licensed_what_to_whom(client, image, artist):
    page = Page(client.get(f"/l/{image.license_public_id}"))
    for text in (artist.artist_name, image.image_sha256, "Commercial licence", "Valid", "UTC"):
        assert text in page.text
    assert f"/g/{image.id}" in page.links()
    assert f"http://localhost:8000/l/{image.license_public_id}" in page.links()
    assert "/licenses/terms/commercial/2026-11" in page.links()


def test_certificates_show_the_same_time_to_every_reader(buyer_client, session, image):
    issued = datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
    session.execute(update(Certificate).values(issued_at=issued))
    session.commit()
    buyer_client.set_cookie("timezone", "Asia/Seoul")
    for path in (f"/l/{image.license_public_id}", "/me/licenses"):
        assert "2026-11-03 09:05 UTC" in Page(buyer_client.get(path)).text
    answer = buyer_client.get(f"/api/v1/licenses/{image.license_public_id}")
    assert answer.json["data"]["issued_at"].startswith("2026-11-03T09:05:00")
    assert answer.json["data"]["issued_at"].endswith(("Z", "+00:00"))


def test_a_certificate_names_its_licensee_by_both_names(client, session, image, buyer):
    buyer.display_name = "서하늘"
    session.commit()
    text = Page(client.get(f"/l/{image.license_public_id}")).text
    assert f"서하늘 @{buyer.username}" in text


def test_the_qr_code_of_a_certificate_stays_dark_on_white_and_runs_nothing(client, image):
    page = Page(client.get(f"/l/{image.license_public_id}"))
    [code] = page.all("span", role="img")
    assert code["aria-label"] == "QR code of this page"
    assert [path.get("fill") or path["stroke"] for path in page.all("path")[-2:]] == [
        "#fff",
        "#000",
    ]
    assert page.own_code() == []


def test_the_qr_code_of_a_long_address_is_drawn_whole_at_any_size(app):
    address = "https://style-license.example/l/L_".ljust(60, "x")
    with app.test_request_context():
        code = str(licenses._qr_code(address))
    [head] = re.findall(r"<svg[^>]*>", code)
    [side] = re.findall(r'viewBox="0 0 (\d+) \1"', head)
    assert f"h{side}v{side}h-{side}z" in code  # the white ground fills what is shown
    assert "width" not in head
    assert "height" not in head


def test_a_private_picture_and_its_owner_stay_private(client, ordered, finish, buyer):
    image = finish(ordered)
    answer = client.get(f"/l/{image.license_public_id}")
    assert image.image_sha256 in answer.text
    assert buyer.username not in answer.text
    assert "The picture is not public; only its SHA-256 is shown." in answer.text
    assert Page(answer).all("img") == []
    assert f"/g/{image.id}" not in Page(answer).links()


def test_an_unknown_certificate_is_not_found(client):
    assert client.get("/l/L_unknown").status_code == 404


def test_an_old_exclusive_licence_can_be_read_and_says_that_it_is_no_longer_sold(
    client, session, image
):
    session.execute(update(Certificate).values(license_type="exclusive"))
    session.commit()
    text = Page(client.get(f"/l/{image.license_public_id}")).text
    assert "Exclusive licence (no longer sold)" in text
    assert "nobody else gets this image" not in text
    answer = client.get(f"/api/v1/licenses/{image.license_public_id}")
    assert answer.json["data"]["license_type"] == "exclusive"


@pytest.mark.parametrize(
    "columns, word",
    [
        (
            {"status": "revoked", "revoked_at": datetime(2026, 11, 3, 9, 5, tzinfo=UTC)},
            "Revoked · 2026-11-03 09:05 UTC",
        ),
        ({"valid_to": date(2026, 11, 30)}, "Expired · 2026-11-30 (Seoul"),
        ({"valid_to": date(9999, 12, 31)}, "Valid"),
    ],
)
def test_a_certificate_that_no_longer_holds_says_so(client, session, image, columns, word):
    session.execute(update(Certificate).values(**columns))
    session.commit()
    page = Page(client.get(f"/l/{image.license_public_id}"))
    assert page.text.split("Sign in", 1)[1].strip().startswith(word)


def test_a_certificate_is_also_a_signed_pdf(client, image):
    page = Page(client.get(f"/l/{image.license_public_id}"))
    assert f"/l/{image.license_public_id}.pdf" in page.links()
    answer = client.get(f"/l/{image.license_public_id}.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert image.license_public_id in answer.headers["Content-Disposition"]
    [signature] = PdfFileReader(io.BytesIO(answer.data)).embedded_signatures
    assert signature.field_name == "Certificate"


def test_the_pdf_of_a_private_picture_does_not_show_it(client, ordered, finish):
    public_id = finish(ordered).license_public_id
    assert b"/Subtype /Image" not in client.get(f"/l/{public_id}.pdf").data


def test_a_process_without_a_key_offers_no_pdf(client, app, image, monkeypatch):
    bare = app.extensions["settings"].model_copy(update={"content_credentials_key": None})
    monkeypatch.setitem(app.extensions, "settings", bare)
    page = Page(client.get(f"/l/{image.license_public_id}"))
    assert f"/l/{image.license_public_id}.pdf" not in page.links()
    assert client.get(f"/l/{image.license_public_id}.pdf").status_code == 404


def test_every_version_of_every_licence_has_a_page_of_its_own_in_both_languages(client):
    for version, licences in terms.VERSIONS.items():
        for kind in licences:
            for language in ("en", "ko"):
                answer = client.get(
                    terms.address(kind, version), headers={"Accept-Language": language}
                )
                page = Page(answer)
                assert (answer.status_code, page.all("html")[0]["lang"]) == (200, language)
                assert version in page.text
                assert f"/licenses/terms/{kind}/{version}" not in page.links()


@pytest.mark.parametrize("name", ["personal/2020-01", "free/2026-11", "free/never"])
def test_terms_that_never_were_are_not_found(client, name):
    assert client.get(f"/licenses/terms/{name}").status_code == 404


def test_an_order_form_and_a_style_lead_to_the_terms(client, style):
    links = Page(client.get(f"/styles/{style.id}")).links()
    assert links.count(f"/licenses/terms/{style.license_type}/2026-11") == 2


def test_a_user_finds_all_licences_with_their_states_and_nobody_elses(
    buyer_client, artist_client, session, buyer, style, finish
):
    first, second = (finish(each) for each in making.order(session, buyer, style, count=2))
    session.execute(
        update(Certificate).where(Certificate.generation_id == first.id).values(status="revoked")
    )
    session.commit()
    page = Page(buyer_client.get("/me/licenses"))
    held = [link for link in page.links() if link.startswith("/l/")]
    assert held == [f"/l/{second.license_public_id}", f"/l/{first.license_public_id}"]
    assert page.text.index("Valid") < page.text.index("Revoked")
    assert "no licences yet" in Page(artist_client.get("/me/licenses")).text


def test_more_licences_than_fit_come_with_the_next_page(
    buyer_client, session, buyer, style, finish
):
    for each in making.order(session, buyer, style, count=3):
        finish(each)
    first = Page(buyer_client.get("/me/licenses?limit=2"))
    [more] = [link for link in first.links() if "cursor=" in link]
    rest = Page(buyer_client.get(more, headers={"HX-Request": "true"}))
    found = [link for page in (first, rest) for link in page.links() if link.startswith("/l/")]
    assert len(set(found)) == len(found) == 3


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_licences_on_sale_are_explained_with_the_words_of_their_terms(app, client, language):
    answer = client.get("/licenses", headers={"Accept-Language": language})
    page = Page(answer)
    with app.test_request_context(headers={"Accept-Language": language}):
        for kind in ("personal", "commercial"):
            each = terms.CURRENT[kind]
            for text in (each.title, each.summary, *each.may, *each.may_not):
                assert " ".join(str(text).split()) in page.text
        assert str(terms.CURRENT["exclusive"].summary) not in page.text
    for kind in terms.CURRENT:
        assert terms.address(kind) in page.links()
    assert len(page.all("h2")) == len({each["id"] for each in page.all("h2")})
    assert page.own_code() == []


def test_earlier_versions_of_the_licences_stay_readable(client, monkeypatch):
    monkeypatch.setitem(terms.VERSIONS, "2025-01", {"personal": terms.CURRENT["personal"]})
    page = Page(client.get("/licenses/2025-01"))
    assert "This is an earlier version." in page.text
    assert "Commercial licence" not in page.text
    assert page.all("meta", name="robots", content="noindex")
    assert "/licenses/2025-01" in Page(client.get("/licenses")).links()
    for version in ("2026-11", "2020-01"):
        expected = 200 if version in terms.VERSIONS else 404
        assert client.get(f"/licenses/{version}").status_code == expected
