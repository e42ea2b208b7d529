from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.report import Report, ReportReason, ReportTarget
from webapp.domain.services import comments
from webapp.domain.settings import settings
from webapp.pages import reports

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def reporter_client(session, sign_in):
    return sign_in(making.user(session))


def test_a_picture_is_reported_by_a_plain_form(session, reporter_client, image):
    [address] = [
        link for link in Page(reporter_client.get(f"/g/{image.id}")).links() if "/report?" in link
    ]
    page = Page(reporter_client.get(address))
    assert {each["value"] for each in page.all("input", name="reason")} == set(ReportReason)
    form = {field["name"]: field["value"] for field in page.all("input", type="hidden")}
    reporter_client.csrf_token = None
    answer = reporter_client.post(
        "/report", data=form | {"reason": "copyright", "text": "My drawing."}
    )
    assert "Thank you." in Page(answer).text
    assert f"/g/{image.id}" in Page(answer).links()
    made = session.scalars(select(Report)).one()
    assert (made.target_type, made.target_id) == ("generation", image.id)
    assert (made.reason, made.text) == ("copyright", "My drawing.")


def test_a_comment_is_reported_where_it_stands(session, reporter_client, buyer, image):
    made = comments.post(session, user=buyer, generation_id=image.id, content="Hm.", parent_id=None)
    session.commit()
    [address] = [
        link
        for link in Page(reporter_client.get(f"/g/{image.id}")).links()
        if "target_type=comment" in link
    ]
    piece = Page(reporter_client.get(address, headers=FRAGMENT))
    assert piece.all("html") == []
    assert f"/comments/{made}" in piece.links()


def test_a_report_without_a_reason_is_told_so_and_keeps_its_words(session, reporter_client, image):
    form = {"target_type": "generation", "target_id": image.id, "text": "Look at it."}
    for headers in ({}, FRAGMENT):
        answer = reporter_client.post("/report", data=form, headers=headers)
        assert answer.status_code == 422
        assert "Please choose a reason." in Page(answer).text
        assert "Look at it." in Page(answer).text
    long = form | {"reason": "spam", "text": "x" * 1001}
    answer = reporter_client.post("/report", data=long)
    assert "At most 1000 characters." in Page(answer).text
    assert Page(answer).all("input", name="reason", value="spam")[0].get("checked") is not None
    assert session.scalars(select(Report)).all() == []


def test_a_second_report_is_told_that_the_first_is_being_looked_at(reporter_client, image):
    form = {"target_type": "generation", "target_id": image.id, "reason": "spam"}
    assert reporter_client.post("/report", data=form).status_code == 200
    again = reporter_client.post("/report", data=form)
    assert again.status_code == 409
    assert Page(again).all("p", role="status")


def test_what_one_cannot_see_cannot_be_reported(session, reporter_client, image):
    image.is_public = False
    session.commit()
    address = f"/report?target_type=generation&target_id={image.id}"
    assert reporter_client.get(address).status_code == 404
    form = {"target_type": "generation", "target_id": image.id, "reason": "spam"}
    assert reporter_client.post("/report", data=form).status_code == 404
    assert reporter_client.get("/report?target_type=planet&target_id=1").status_code == 422


@pytest.mark.parametrize(
    "language, said", [("en", "Reports need an account"), ("ko", "신고하려면 계정이 필요합니다")]
)
def test_a_visitor_learns_how_to_report_and_signs_in_with_the_reason_kept(
    client, reporter_client, image, language, said
):
    [address] = [link for link in Page(client.get(f"/g/{image.id}")).links() if "/report" in link]
    page = Page(client.get(address, headers={"Accept-Language": language}))
    assert said in page.text
    assert "/contact" in page.links()
    assert page.all("form", method="post", action="/report") == []
    form = {each["name"]: each["value"] for each in page.all("input", type="hidden")}
    [button] = page.all("button", value="1")
    answer = client.get(
        "/report", query_string=form | {"reason": "copyright", button["name"]: button["value"]}
    )
    [after] = parse_qs(urlsplit(answer.location).query)["next"]
    assert urlsplit(answer.location).path == "/login"
    kept = Page(reporter_client.get(after))
    [chosen] = [each["value"] for each in kept.all("input", name="reason") if "checked" in each]
    assert chosen == "copyright"
    assert kept.all("form", method="post", action="/report")


def test_where_the_operator_has_an_address_a_visitor_may_write_to_it(
    bind, shared_apps, monkeypatch, storage, image
):
    app = bind(shared_apps.get(monkeypatch, OPERATOR_EMAIL="help@example.com"))
    address = f"/report?target_type=generation&target_id={image.id}"
    page = Page(app.test_client().get(address))
    assert "mailto:help@example.com" in page.links()
    assert f"http://localhost:8000/g/{image.id}" in page.text
    settings.cache_clear()


def test_a_visitor_is_led_to_report_a_comment_and_sees_no_private_thing(
    client, session, comment, image
):
    address = f"/report?target_type=comment&target_id={comment.id}"
    assert address in Page(client.get(f"/g/{image.id}")).links()
    assert client.get(address).status_code == 200
    image.is_public = False
    session.commit()
    assert client.get(address).status_code == 404
    assert client.post("/report", data={"target_type": "comment"}).status_code == 302


def test_nobody_reports_their_own_picture(buyer_client, image):
    links = Page(buyer_client.get(f"/g/{image.id}")).links()
    assert [link for link in links if "/report" in link] == []


def test_every_reason_and_everything_that_can_be_reported_has_words():
    assert reports.REASONS.keys() == set(ReportReason)
    assert reports.TARGETS.keys() == set(ReportTarget)
