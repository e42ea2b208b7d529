import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.database import at_once
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.account import User
from webapp.domain.models.collection import Collection
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.report import Report, ReportTarget
from webapp.domain.models.style import Style, Tag
from webapp.domain.services import collections

REPORTS = "/api/v1/reports"


def body(target_type, target_id, **fields):
    return {"target_type": target_type, "target_id": target_id, "reason": "spam"} | fields


@pytest.fixture
def comment(session, shown, buyer):
    made = Comment(generation_id=shown.id, user_id=buyer.id, content="Buy watches!")
    session.add(made)
    session.commit()
    return made


@pytest.fixture
def targets(style, shown, comment, buyer, artist, session):
    """One of each kind of thing that can be reported, seen by everybody."""
    tag = session.scalars(select(Tag).where(Tag.name == "boat")).one()
    artist_user = session.get(User, artist.user_id)
    return {
        "style": style.id,
        "generation": shown.id,
        "comment": comment.id,
        "user": buyer.id,
        "tag": tag.id,
        "collection": collections.create(session, user=artist_user, name="Shore", is_public=True),
    }


def test_whatever_one_sees_can_be_reported(admirer_client, admirer, session, targets):
    for target_type, target_id in targets.items():
        answer = admirer_client.post(
            REPORTS,
            json=body(target_type, target_id, reason="hate", text=" <b>Look</b> at it. "),
        )
        assert answer.status_code == 201, answer.json
        report = session.scalars(select(Report).where(Report.target_type == target_type)).one()
        data = answer.json["data"]
        assert answer.headers["Location"] == f"/api/v1/admin/reports/{report.id}"
        assert data == {
            "id": report.id,
            "status": "open",
            "created_at": report.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        assert (report.reporter_id, report.target_id) == (admirer.id, target_id)
        assert (report.reason, report.text) == ("hate", "<b>Look</b> at it.")


def test_a_second_report_is_refused_while_the_first_is_open(
    admirer_client, artist_client, session, shown
):
    first = admirer_client.post(REPORTS, json=body("generation", shown.id)).json["data"]["id"]
    again = admirer_client.post(REPORTS, json=body("generation", shown.id, reason="other"))
    assert (again.status_code, error_code(again)) == (409, "DUPLICATE_REPORT")
    assert again.json["error"]["details"] == {"report_id": first}
    assert session.scalars(select(Report.reason)).all() == ["spam"]
    somebody_else = artist_client.post(REPORTS, json=body("generation", shown.id))
    assert somebody_else.status_code == 201
    session.execute(
        update(Report)
        .where(Report.id == first)
        .values(status="dismissed", resolved_at=func.clock_timestamp())
    )
    session.commit()
    assert admirer_client.post(REPORTS, json=body("generation", shown.id)).status_code == 201


@pytest.mark.parametrize("target_type", ReportTarget)
def test_what_is_not_there_cannot_be_reported(admirer_client, target_type):
    answer = admirer_client.post(REPORTS, json=body(target_type, 10**9))
    assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")
    assert answer.json["error"]["details"] == {"resource": target_type, "id": 10**9}


def test_what_one_may_not_see_cannot_be_reported(
    admirer_client, buyer_client, session, targets, shown
):
    for hidden in (
        update(Style).values(is_active=False),
        update(Generation).values(is_public=False),
        update(User).where(User.id == targets["user"]).values(is_active=False),
        update(Tag).values(is_flagged=True),
        update(Collection).values(is_public=False),
    ):
        session.execute(hidden)
    session.commit()
    for target_type, target_id in targets.items():
        answer = admirer_client.post(REPORTS, json=body(target_type, target_id))
        assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND"), target_type
    assert session.scalar(select(func.count()).select_from(Report)) == 0


def test_a_hidden_collection_cannot_be_reported_again(admirer_client, session, targets):
    session.execute(update(Collection).values(is_flagged=True))
    session.commit()
    answer = admirer_client.post(REPORTS, json=body("collection", targets["collection"]))
    assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")


def test_the_own_private_image_may_hold_a_comment_to_report(buyer_client, session, shown, comment):
    session.execute(update(Generation).values(is_public=False))
    session.commit()
    for target_type, target_id in (("comment", comment.id), ("generation", shown.id)):
        answer = buyer_client.post(REPORTS, json=body(target_type, target_id))
        assert answer.status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"target_type": "job"},
        {"target_type": None},
        {"target_id": "x"},
        {"target_id": True},
        {"target_id": 2**63},
        {"reason": "boring"},
        {"reason": None},
        {"text": "x" * 1001},
    ],
)
def test_wrong_fields_are_named(admirer_client, shown, wrong):
    answer = admirer_client.post(REPORTS, json=body("generation", shown.id) | wrong)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert list(answer.json["error"]["details"]["fields"]) == list(wrong)


def test_strangers_report_nothing(client, shown):
    answer = client.post(REPORTS, json=body("generation", shown.id))
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")


def test_reports_in_parallel_are_one(real_app, committed):
    with committed() as session:
        target, reporter = making.user(session), making.user(session)
        session.commit()
        client = signed_in_client(real_app, session, reporter)
    calls = [lambda: client.post(REPORTS, json=body("user", target.id))] * 10
    answers = at_once(*calls)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    named = {
        (answer.json["data"] or {}).get("id") or answer.json["error"]["details"]["report_id"]
        for answer in answers
    }
    with committed() as session:
        assert named == {session.scalar(select(Report.id))}
