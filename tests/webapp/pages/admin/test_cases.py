import pytest
from sqlalchemy import select

from tests import making
from tests.webapp.pages.admin.conftest import REASON
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.collection import Collection
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.report import Report
from webapp.domain.models.style import Style, Tag


def fresh(session, model, row_id):
    return session.scalars(
        select(model).where(model.id == row_id).execution_options(populate_existing=True)
    ).one()


@pytest.fixture
def things(style, image, comment, tag, buyer, collection):
    """What can be reported: the row, and how one sees that it is hidden."""
    return {
        "style": (style.id, Style, "is_flagged"),
        "generation": (image.id, Generation, "is_flagged"),
        "comment": (comment.id, Comment, "is_hidden"),
        "tag": (tag.id, Tag, "is_flagged"),
        "user": (buyer.id, User, "is_active"),
        "collection": (collection.id, Collection, "is_flagged"),
    }


def cases(client, query=""):
    page = Page(client.get(f"/admin{query}"))
    return [item["id"] for item in page.all("li", **{"class": "item"})]


def test_reports_of_one_thing_are_one_case_and_the_first_comes_first(
    admin_client, report, image, style
):
    report("generation", image.id, reason="copyright", text="Mine, drawn in 2019.")
    report("style", style.id)
    again = report("generation", image.id, reason="hate")
    assert cases(admin_client) == [f"generation-{image.id}", f"style-{style.id}"]
    page = Page(admin_client.get("/admin"))
    for text in ("Reported 2", "Copyright – Mine, drawn in 2019.", "Hate", style.name):
        assert text in page.text
    assert f"/g/{image.id}" in page.links()
    assert f"/admin/users/{again.reporter_id}" in page.links()
    assert cases(admin_client, "?target_type=style") == [f"style-{style.id}"]


def test_a_decided_report_does_not_keep_its_thing_out_of_the_queue(admin_client, report, image):
    report("generation", image.id, status="dismissed", resolved_at=making.jobs.NOW)
    assert cases(admin_client) == []
    report("generation", image.id)
    assert cases(admin_client) == [f"generation-{image.id}"]


def test_the_queue_is_read_page_by_page(admin_client, report):
    for number in range(3):
        report("user", number + 10**6)
    seen, address = [], "/admin?limit=2"
    while address:
        page = Page(admin_client.get(address))
        seen += [item["id"] for item in page.all("li", **{"class": "item"})]
        address = next((link["href"] for link in page.all("a", rel="next")), None)
    assert seen == [f"user-{number + 10**6}" for number in range(3)]


@pytest.mark.parametrize("kind", ["style", "generation", "comment", "tag", "collection"])
def test_hiding_resolves_all_its_reports_and_is_written_down(
    admin_client, session, press, log, report, things, kind
):
    row_id, model, column = things[kind]
    reports = [report(kind, row_id) for _ in range(2)]
    answer = press("/admin", f"/admin/cases/{kind}/{row_id}", action="hide")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin?done=hide")
    assert getattr(fresh(session, model, row_id), column) is True
    page = Page(admin_client.get("/admin?done=hide"))
    assert "Hidden. Its reports are resolved." in page.text
    assert "No open reports." in page.text
    assert [fresh(session, Report, each.id).status for each in reports] == ["resolved"] * 2
    assert log() == [
        (kind, str(row_id), {column: True}, REASON),
        *(
            ("report", str(each.id), {"status": "resolved", "resolution": REASON}, REASON)
            for each in reports
        ),
    ]


@pytest.mark.parametrize("kind", ["style", "generation", "comment", "tag", "user", "collection"])
def test_dismissing_changes_nothing_but_the_reports(session, press, log, report, things, kind):
    row_id, model, column = things[kind]
    made = report(kind, row_id)
    before = getattr(fresh(session, model, row_id), column)
    press("/admin", f"/admin/cases/{kind}/{row_id}", action="dismiss")
    assert getattr(fresh(session, model, row_id), column) is before
    assert [entry[:2] for entry in log()] == [("report", str(made.id))]
    assert fresh(session, Report, made.id).status == "dismissed"


@pytest.mark.parametrize("kind", ["style", "generation", "comment", "user", "collection"])
def test_the_account_behind_it_can_be_closed_with_it(
    session, press, log, report, things, buyer, artist, image, kind
):
    row_id, model, column = things[kind]
    report(kind, row_id)
    press("/admin", f"/admin/cases/{kind}/{row_id}", action="close")
    owner = buyer.id if kind in {"generation", "user", "collection"} else artist.user_id
    assert fresh(session, User, owner).is_active is False
    assert getattr(fresh(session, model, row_id), column) is (kind != "user")
    assert ("user", str(owner), {"is_active": False}, REASON) in log()


def test_a_tag_has_no_account_and_what_is_gone_can_only_be_dismissed(
    admin_client, report, press, tag
):
    report("tag", tag.id)
    report("generation", 10**9)
    page = Page(admin_client.get("/admin"))
    offered = [each["value"] for each in page.all("input", name="action")]
    assert offered == ["hide", "dismiss", "dismiss"]
    assert "Deleted" in page.text
    assert press("/admin", f"/admin/cases/generation/{10**9}", action="dismiss").status_code == 303


def test_nobody_is_offered_to_close_the_own_account(admin_client, admin, report, log):
    report("user", admin.id)
    page = Page(admin_client.get("/admin"))
    assert [each["value"] for each in page.all("input", name="action")] == ["dismiss"]
    form = {"action": "close", "reason": REASON}
    forced = admin_client.post(f"/admin/cases/user/{admin.id}", data=form)
    assert forced.status_code == 403
    assert log() == []


def test_in_place_a_case_ends_where_it_stands(press, report, image, style):
    report("generation", image.id)
    report("style", style.id)
    answer = press("/admin", f"/admin/cases/generation/{image.id}", action="hide", in_place=True)
    page = Page(answer)
    assert answer.status_code == 200
    assert page.text == "Hidden. Its reports are resolved. 1"
    assert page.all("b") == [{"id": "case-count", "hx-swap-oob": "true"}]
    assert page.all("html") == []


def test_what_was_hidden_before_is_kept_hidden_and_its_reports_end(
    admin_client, session, press, report, image
):
    made = report("generation", image.id)
    press("/admin/images", f"/admin/images/{image.id}", action="flag")
    page = Page(admin_client.get("/admin"))
    assert "Reported 1" in page.text
    assert "It is hidden already. All open reports about it are resolved." in page.text
    press("/admin", f"/admin/cases/generation/{image.id}", action="hide")
    assert fresh(session, Report, made.id).status == "resolved"
    assert fresh(session, Generation, image.id).is_flagged is True
    assert "Reported 0" in Page(admin_client.get("/admin")).text


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("reason", ["", "ab", "x" * 501])
def test_without_a_reason_nothing_happens(session, press, log, report, image, reason, in_place):
    made = report("generation", image.id)
    answer = press(
        "/admin",
        f"/admin/cases/generation/{image.id}",
        action="hide",
        reason=reason,
        in_place=in_place,
    )
    assert answer.status_code == 422
    page = Page(answer)
    assert "Please enter a reason of 3 to 500 characters." in page.text
    assert (page.all("html") == []) is in_place
    assert page.all(*(("p",) if in_place else ("div",)), **{"class": "problem", "tabindex": "-1"})
    assert fresh(session, Report, made.id).status == "open"
    assert log() == []


def test_who_comes_second_is_told_so(admin_client, press, report, image, session, log):
    made = report("generation", image.id)
    address = f"/admin/cases/generation/{image.id}"
    page = Page(admin_client.get("/admin"))
    token = page.all("input", name="csrf_token")[0]["value"]
    press("/admin", address, action="dismiss")
    written = log()
    late = admin_client.post(
        address, data={"csrf_token": token, "action": "hide", "reason": REASON, "next": "/admin"}
    )
    assert late.status_code == 404
    assert "Another administrator has already decided this" in Page(late).text
    assert fresh(session, Generation, image.id).is_flagged is False
    assert fresh(session, Report, made.id).status == "dismissed"
    assert log() == written


def test_another_site_cannot_decide(admin_client, report, image, log):
    report("generation", image.id)
    admin_client.csrf_token = None
    form = {"action": "hide", "reason": REASON}
    answer = admin_client.post(f"/admin/cases/generation/{image.id}", data=form)
    assert answer.status_code == 403
    assert log() == []


@pytest.mark.parametrize("address", ["planet/1", "style/99999999"])
def test_what_is_not_reported_is_not_decided(admin_client, address, log):
    form = {"action": "hide", "reason": REASON}
    assert admin_client.post(f"/admin/cases/{address}", data=form).status_code in {404, 422}
    assert log() == []


def test_what_is_hidden_stands_in_one_list_and_is_shown_again(
    admin_client, session, press, log, things
):
    names = {"style": "styles", "generation": "images", "comment": "comments", "tag": "tags"}
    for kind in names:
        row_id, model, column = things[kind]
        setattr(fresh(session, model, row_id), column, True)
    session.commit()
    page = Page(admin_client.get("/admin/flagged"))
    shown = {item["id"] for item in page.all("li", **{"class": "item"})}
    assert shown == {f"{kind}-{things[kind][0]}" for kind in names}
    for kind, name in names.items():
        row_id, model, column = things[kind]
        answer = press("/admin/flagged", f"/admin/{name}/{row_id}", action="unflag")
        assert answer.headers["Location"] == "/admin/flagged?done=unflag"
        assert getattr(fresh(session, model, row_id), column) is False
        assert log()[-1] == (kind, str(row_id), {column: False}, REASON)
    assert "No hidden styles, pictures" in Page(admin_client.get("/admin/flagged")).text


def test_a_hidden_thing_names_who_hid_it_and_why(admin_client, admin, press, image, comment):
    for address in (f"/admin/images/{image.id}", f"/admin/comments/{comment.id}"):
        press(address.rpartition("/")[0], address, action="flag", reason="Once.")
        press(address.rpartition("/")[0], address, action="unflag", reason="Shown.")
        press(address.rpartition("/")[0], address, action="flag", reason="Twice.")
    press("/admin/images", f"/admin/images/{image.id}", action="private", reason="Later.")
    page = Page(admin_client.get("/admin/flagged"))
    assert f"Picture {image.id}" in page.text
    assert page.text.count(f"Hidden by {admin.username}") == 2
    assert page.text.count("Twice.") == 2
    assert not [text for text in ("Once.", "Shown.", "Later.") if text in page.text]


def test_hidden_things_are_read_page_by_page(admin_client, session):
    for number in range(3):
        session.add(Tag(name=f"word {number}", is_flagged=True))
    session.commit()
    seen, address = [], "/admin/flagged?limit=2"
    while address:
        page = Page(admin_client.get(address))
        seen += [item["id"] for item in page.all("li", **{"class": "item"})]
        address = next((link["href"] for link in page.all("a", rel="next")), None)
    assert len(seen) == len(set(seen)) == 3


def test_the_numbers_of_what_waits_stand_above(admin_client, session, buyer, style, report):
    report("style", style.id)
    report("style", style.id)
    late = making.job_of(session, making.order(session, buyer, style)[0])
    making.change_job(session, late.id, deadline_at=making.jobs.NOW)
    session.commit()
    text = Page(admin_client.get("/admin")).text
    for said in ("Reported 1", "Payments to check 0", "Overdue jobs 1", "Ledger errors 0"):
        assert said in text


@pytest.mark.parametrize(
    "language, heading", [("en", "Comment on picture {}"), ("ko", "이미지 {}의 댓글")]
)
def test_a_comment_is_called_by_the_picture_that_it_is_on_and_not_by_the_style(
    admin_client, session, report, comment, style, language, heading
):
    report("comment", comment.id)
    told = heading.format(comment.generation_id)
    speaks = {"Accept-Language": language}
    for address in ("/admin", "/admin/comments"):
        page = Page(admin_client.get(address, headers=speaks)).text
        assert told in page
        assert style.name not in page
    comment.is_hidden = True
    session.commit()
    page = Page(admin_client.get("/admin/flagged", headers=speaks)).text
    assert told in page
    assert style.name not in page
