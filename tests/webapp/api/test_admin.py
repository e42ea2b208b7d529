from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from tests import making
from tests.database import at_once
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.account import SignIn, User
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.license import Certificate
from webapp.domain.models.notification import Notification
from webapp.domain.models.report import Report
from webapp.domain.models.style import Style, Tag
from webapp.domain.services import ledger, purchases

ADMIN = "/api/v1/admin"
REASON = "Seen by two people."
LISTS = ("reports", "tags", "styles", "generations", "comments", "users", "audit")
CHANGES = {
    "reports": {"status": "resolved"},
    "tags": {"is_flagged": True},
    "styles": {"is_flagged": True},
    "generations": {"is_flagged": True},
    "comments": {"is_hidden": True},
    "users": {"is_active": False},
}


@pytest.fixture
def tag(session):
    return session.scalars(select(Tag).order_by(Tag.id)).first() or _tag(session, "boat")


def _tag(session, name):
    made = Tag(name=name, style_count=1)
    session.add(made)
    session.commit()
    return made


def report(session, reporter, target_type, target_id, **columns):
    made = Report(
        reporter_id=reporter.id,
        target_type=target_type,
        target_id=target_id,
        reason="spam",
        **columns,
    )
    session.add(made)
    session.commit()
    return made


def results(client, path):
    answer = client.get(f"{ADMIN}/{path}")
    assert answer.status_code == 200, answer.json
    return answer.json["data"]["results"]


def change(client, path, **body):
    return client.patch(f"{ADMIN}/{path}", json={"reason": REASON} | body)


def log(client, **wanted):
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    return results(client, f"audit?{query}")


@pytest.mark.parametrize("path", LISTS)
def test_lists_are_for_administrators_only(client, buyer_client, artist_client, path):
    assert error_code(client.get(f"{ADMIN}/{path}")) == "UNAUTHORIZED"
    for someone in (buyer_client, artist_client):
        answer = someone.get(f"{ADMIN}/{path}")
        assert (answer.status_code, error_code(answer)) == (403, "FORBIDDEN")
        assert answer.json["error"]["details"] == {"required_role": "admin"}


@pytest.mark.parametrize("path", CHANGES)
def test_changes_are_for_administrators_only(client, buyer_client, session, path):
    body = {"reason": REASON} | CHANGES[path]
    assert error_code(client.patch(f"{ADMIN}/{path}/1", json=body)) == "UNAUTHORIZED"
    assert error_code(buyer_client.patch(f"{ADMIN}/{path}/1", json=body)) == "FORBIDDEN"
    assert error_code(buyer_client.post(f"{ADMIN}/refunds", json=body)) == "FORBIDDEN"
    assert session.scalar(select(func.count()).select_from(AuditEntry)) == 0


@pytest.mark.parametrize(
    "path, code",
    [
        ("reports", "NOT_FOUND"),
        ("tags", "TAG_NOT_FOUND"),
        ("styles", "STYLE_NOT_FOUND"),
        ("generations", "GENERATION_NOT_FOUND"),
        ("comments", "COMMENT_NOT_FOUND"),
        ("users", "NOT_FOUND"),
    ],
)
def test_what_is_not_there_cannot_be_changed(admin_client, path, code):
    answer = change(admin_client, f"{path}/99999999", **CHANGES[path])
    assert (answer.status_code, error_code(answer)) == (404, code)


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("reason", [None, "", "ab", "x" * 501, " \u3164 a ", "ab\u200b"])
def test_every_change_needs_its_reason(admin_client, path, reason):
    body = CHANGES[path] | ({} if reason is None else {"reason": reason})
    answer = admin_client.patch(f"{ADMIN}/{path}/1", json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert "reason" in answer.json["error"]["details"]["fields"]


@pytest.mark.parametrize("path", ["tags", "styles", "generations", "users"])
def test_a_change_of_nothing_is_refused(admin_client, path):
    assert error_code(change(admin_client, f"{path}/1")) == "VALIDATION_ERROR"


def test_the_queue_shows_open_reports_with_what_they_are_about(
    admin_client, session, buyer, style, image, comment
):
    targets = {
        "style": (style.id, style.name, "Piers in ink."),
        "generation": (image.id, style.name, ""),
        "comment": (comment.id, style.name, "Buy my watches"),
        "user": (buyer.id, buyer.username, None),
        "tag": (_tag(session, "watches").id, "watches", None),
    }
    for kind, (target_id, _, _) in targets.items():
        report(session, buyer, kind, target_id)
    report(session, buyer, "style", 404)
    shown = results(admin_client, "reports")
    assert [row["target_type"] for row in shown] == [*targets, "style"]
    for row in shown[:-1]:
        _, title, excerpt = targets[row["target_type"]]
        assert (row["target"]["title"], row["target"]["excerpt"]) == (title, excerpt)
    assert shown[-1]["target"] is None
    assert shown[0]["reporter"] == {"id": buyer.id, "username": buyer.username}
    assert [row["target_id"] for row in results(admin_client, "reports?target_type=user")] == [
        buyer.id
    ]


def test_a_decision_takes_a_report_off_the_queue(admin_client, admin, session, buyer, style):
    made = report(session, buyer, "style", style.id)
    answer = change(admin_client, f"reports/{made.id}", status="dismissed")
    assert answer.status_code == 200
    assert answer.json["data"]["status"] == "dismissed"
    assert answer.json["data"]["resolution"] == REASON
    assert results(admin_client, "reports") == []
    assert len(results(admin_client, "reports?status=all")) == 1
    assert len(results(admin_client, "reports?status=dismissed")) == 1
    (entry,) = log(admin_client, object_type="report")
    assert entry["admin"] == {"id": admin.id, "username": admin.username}
    assert entry["before"] == {"status": "open", "resolution": None}
    assert entry["after"] == {"status": "dismissed", "resolution": REASON}
    assert entry["reason"] == REASON
    assert error_code(change(admin_client, f"reports/{made.id}", status="open")) == (
        "VALIDATION_ERROR"
    )


def test_another_reason_for_the_same_decision_is_in_the_log(admin_client, session, buyer, style):
    made = report(session, buyer, "style", style.id)
    for reason in (REASON, REASON, "Seen again."):
        change(admin_client, f"reports/{made.id}", status="resolved", reason=reason)
    assert [entry["after"] for entry in log(admin_client, object_type="report")] == [
        {"resolution": "Seen again."},
        {"status": "resolved", "resolution": REASON},
    ]


def test_each_report_shows_what_it_is_about(admin_client, session, buyer, style, image, comment):
    tag = _tag(session, "watches")
    ids = {
        "style": style.id,
        "generation": image.id,
        "comment": comment.id,
        "user": buyer.id,
        "tag": tag.id,
    }
    for target_type, target_id in ids.items():
        report(session, buyer, target_type, target_id)
        report(session, buyer, target_type, 99999999)
    shown = results(admin_client, "reports")
    assert [row["target"] for row in shown[1::2]] == [None] * 5
    told = {row["target_type"]: row["target"] for row in shown[::2]}
    titles = {name: target["title"] for name, target in told.items()}
    assert titles == {
        "style": style.name,
        "generation": style.name,
        "comment": style.name,
        "user": buyer.username,
        "tag": "watches",
    }
    assert told["comment"]["excerpt"] == "Buy my watches"
    assert told["style"]["excerpt"] == style.description
    assert f"thumbnails/{image.id}.png" in told["comment"]["thumbnail_url"]
    assert told["generation"]["thumbnail_url"]
    assert (told["tag"]["thumbnail_url"], told["user"]["thumbnail_url"]) == (None, None)


def test_the_queue_is_read_page_by_page(admin_client, session, buyer, style):
    made = [
        report(session, buyer, "style", number, created_at=making.jobs.NOW + timedelta(number))
        for number in range(5)
    ]
    seen, cursor = [], ""
    while cursor is not None:
        data = admin_client.get(f"{ADMIN}/reports?limit=2{cursor}").json["data"]
        seen += [row["id"] for row in data["results"]]
        cursor = data["next_cursor"] and f"&cursor={data['next_cursor']}"
    assert seen == [row.id for row in made]


def test_a_flagged_tag_is_refused_as_input(admin_client, buyer_client, session, style):
    made = _tag(session, "watches")
    answer = change(admin_client, f"tags/{made.id}", is_flagged=True)
    assert answer.json["data"] == {
        "id": made.id,
        "name": "watches",
        "usage_count": 1,
        "is_active": True,
        "is_flagged": True,
        "created_at": answer.json["data"]["created_at"],
    }
    order = {"style_id": style.id, "prompt_tags": ["watches"]}
    assert error_code(buyer_client.post("/api/v1/generations", json=order)) == "TAG_NOT_ALLOWED"
    assert [row["id"] for row in results(admin_client, "tags?is_flagged=true")] == [made.id]
    assert results(admin_client, "tags?q=WATCH&is_active=false") == []
    assert [row["name"] for row in results(admin_client, "tags?q=WATCH")] == ["watches"]


def test_a_flagged_style_is_hidden_and_sells_no_more(
    admin_client, client, buyer_client, session, style
):
    answer = change(admin_client, f"styles/{style.id}", is_flagged=True)
    assert (answer.status_code, answer.json["data"]["is_flagged"]) == (200, True)
    assert answer.json["data"]["artwork_count"] == 0
    assert error_code(client.get(f"/api/v1/styles/{style.id}")) == "STYLE_NOT_FOUND"
    order = {"style_id": style.id, "prompt_tags": ["boat"]}
    assert error_code(buyer_client.post("/api/v1/generations", json=order)) == "STYLE_NOT_FOUND"
    (shown,) = results(admin_client, f"styles?is_flagged=true&user_id={style.artist_id}")
    assert (shown["id"], shown["is_flagged"], shown["is_active"]) == (style.id, True, True)
    assert results(admin_client, "styles?is_active=false") == []
    assert results(admin_client, f"styles?q={style.name[:5]}") == [shown]
    change(admin_client, f"styles/{style.id}", is_flagged=False)
    assert client.get(f"/api/v1/styles/{style.id}").status_code == 200


def test_switching_on_a_second_style_is_refused(admin_client, session, artist, style, storage):
    off = making.style(session, storage, of=artist, is_active=False)
    session.commit()
    answer = change(admin_client, f"styles/{off.id}", is_active=True)
    assert (answer.status_code, error_code(answer)) == (403, "STYLE_LIMIT_REACHED")
    assert answer.json["error"]["details"] == {"limit": 1, "style_id": style.id}
    assert session.scalar(select(Style.is_active).where(Style.id == off.id)) is False


def test_a_failed_style_is_switched_on_beside_another_but_not_under_its_name(
    admin_client, session, artist, style, storage
):
    twin, other = (
        making.style(
            session, storage, of=artist, name=name, is_active=False, training_status="failed"
        )
        for name in (style.name.upper(), "Another")
    )
    session.commit()
    answer = change(admin_client, f"styles/{other.id}", is_active=True)
    assert (answer.status_code, answer.json["data"]["is_active"]) == (200, True)
    answer = change(admin_client, f"styles/{twin.id}", is_active=True)
    assert (answer.status_code, error_code(answer)) == (409, "DUPLICATE_STYLE_NAME")
    assert answer.json["error"]["details"] == {"style_id": style.id}


def test_a_style_that_is_switched_on_takes_its_name_back_from_a_failed_one(
    admin_client, session, artist, style, storage
):
    change(admin_client, f"styles/{style.id}", is_active=False)
    twin = making.style(session, storage, of=artist, name=style.name, training_status="failed")
    session.commit()
    assert change(admin_client, f"styles/{style.id}", is_active=True).status_code == 200
    assert session.scalar(select(Style.is_active).where(Style.id == twin.id)) is False


def test_nothing_of_a_closed_account_comes_back_before_the_account_does(
    admin_client, session, artist, buyer, style, image
):
    for user_id in (artist.user_id, buyer.id):
        change(admin_client, f"users/{user_id}", is_active=False)
    wanted = {f"styles/{style.id}": "is_active", f"generations/{image.id}": "is_public"}
    for path, field in wanted.items():
        answer = change(admin_client, path, **{field: True})
        assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
        assert set(answer.json["error"]["details"]["fields"]) == {field}
        flagged = change(admin_client, path, is_flagged=True)
        assert flagged.json["data"][field] is False
        change(admin_client, path, is_flagged=False)
    for user_id in (artist.user_id, buyer.id):
        change(admin_client, f"users/{user_id}", is_active=True)
    for path, field in wanted.items():
        assert change(admin_client, path, **{field: True}).json["data"][field] is True


def test_two_styles_are_not_switched_on_at_once(real_app, committed, storage):
    with committed() as session:
        artist = making.artist(session)
        ids = [making.style(session, storage, of=artist, is_active=False).id for _ in range(4)]
        admin = making.user(session, role="admin")
        session.commit()
        client = signed_in_client(real_app, session, admin)
    calls = [
        lambda style_id=style_id: change(client, f"styles/{style_id}", is_active=True).status_code
        for style_id in ids
    ]
    assert sorted(at_once(*calls)) == [200, 403, 403, 403]


def test_a_flagged_image_is_only_its_owners(admin_client, client, buyer_client, image):
    answer = change(admin_client, f"generations/{image.id}", is_flagged=True)
    assert (answer.status_code, answer.json["data"]["is_flagged"]) == (200, True)
    assert error_code(client.get(f"/api/v1/generations/{image.id}")) == "GENERATION_NOT_FOUND"
    assert client.get("/api/v1/generations/feed").json["data"]["results"] == []
    assert buyer_client.get(f"/api/v1/generations/{image.id}").status_code == 200
    (shown,) = results(admin_client, f"generations?is_flagged=true&user_id={image.user_id}&q=Boat")
    assert (shown["id"], shown["is_flagged"]) == (image.id, True)
    assert results(admin_client, "generations?is_flagged=false") == []


def test_an_image_without_an_end_cannot_be_shown_to_everybody(admin_client, ordered):
    answer = change(admin_client, f"generations/{ordered.id}", is_public=True)
    assert error_code(answer) == "GENERATION_STILL_PROCESSING"
    answer = change(admin_client, f"generations/{ordered.id}", license_status="revoked")
    assert error_code(answer) == "VALIDATION_ERROR"


def test_a_revoked_licence_says_so_and_can_be_made_valid_again(
    admin_client, client, session, image
):
    address = f"/api/v1/licenses/{image.license_public_id}"
    for status, is_revoked in (("revoked", True), ("valid", False)):
        change(admin_client, f"generations/{image.id}", license_status=status)
        (certificate,) = session.scalars(
            select(Certificate).execution_options(populate_existing=True)
        )
        assert (certificate.status, certificate.revoked_at is not None) == (status, is_revoked)
        assert client.get(address).json["data"]["status"] == status
        before = certificate.revoked_at
        change(admin_client, f"generations/{image.id}", license_status=status)
        session.refresh(certificate)
        assert certificate.revoked_at == before
    assert [entry["after"] for entry in log(admin_client, object_type="license")] == [
        {"status": "valid"},
        {"status": "revoked"},
    ]


def test_a_hidden_comment_stays_in_the_administrators_list(admin_client, session, comment, image):
    answer = change(admin_client, f"comments/{comment.id}", is_hidden=True)
    assert answer.json["data"] == {
        "id": comment.id,
        "generation_id": image.id,
        "parent_id": None,
        "user": {"id": comment.user_id, "username": answer.json["data"]["user"]["username"]},
        "content": "Buy my watches",
        "is_hidden": True,
        "created_at": answer.json["data"]["created_at"],
        "updated_at": answer.json["data"]["updated_at"],
    }
    assert len(results(admin_client, "comments?is_flagged=true&q=WATCHES")) == 1
    assert len(results(admin_client, f"comments?user_id={comment.user_id}")) == 1
    assert results(admin_client, "comments?q=%25") == []


def test_a_closed_account_is_signed_out_and_can_be_opened_again(
    admin_client, buyer_client, session, buyer
):
    answer = change(admin_client, f"users/{buyer.id}", is_active=False)
    assert answer.json["data"] == {
        "id": buyer.id,
        "username": buyer.username,
        "email": buyer.email,
        "role": "user",
        "is_active": False,
        "token_balance": 100,
        "created_at": answer.json["data"]["created_at"],
    }
    assert buyer_client.get("/api/v1/auth/me").status_code == 401
    assert [row["id"] for row in results(admin_client, "users?is_active=false")] == [buyer.id]
    change(admin_client, f"users/{buyer.id}", is_active=True)
    assert session.scalar(select(User.is_active).where(User.id == buyer.id)) is True
    open_sign_ins = select(func.count()).where(
        SignIn.user_id == buyer.id, SignIn.ended_at.is_(None)
    )
    assert session.scalar(open_sign_ins) == 0


def test_what_was_not_paid_before_the_account_was_closed_is_never_taken(
    admin_client, session, buyer
):
    order = purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")
    change(admin_client, f"users/{buyer.id}", role="admin")
    assert purchases.find(session, order.order_id).status == "pending"
    change(admin_client, f"users/{buyer.id}", is_active=False)
    assert purchases.find(session, order.order_id).status == "failed"


def test_a_closed_account_sells_and_shows_nothing_and_opened_again_it_does_neither_by_itself(
    admin_client, client, buyer_client, sign_in, session, artist, style, image
):
    order = {"style_id": style.id, "prompt_tags": ["boat"]}
    own = buyer_client.post("/api/v1/generations", json=order)
    assert own.status_code == 201
    change(admin_client, f"users/{artist.user_id}", is_active=False)
    assert results(admin_client, "styles?is_active=false")[0]["id"] == style.id
    assert error_code(client.get(f"/api/v1/styles/{style.id}")) == "STYLE_NOT_FOUND"
    assert error_code(buyer_client.post("/api/v1/generations", json=order)) == "STYLE_NOT_FOUND"
    assert client.get(f"/api/v1/generations/{image.id}").status_code == 200  # the buyer's own

    change(admin_client, f"users/{image.user_id}", is_active=False)
    assert error_code(client.get(f"/api/v1/generations/{image.id}")) == "GENERATION_NOT_FOUND"
    assert client.get(f"/api/v1/licenses/{image.license_public_id}").status_code == 200

    for user_id in (artist.user_id, image.user_id):
        change(admin_client, f"users/{user_id}", is_active=True)
    assert error_code(client.get(f"/api/v1/styles/{style.id}")) == "STYLE_NOT_FOUND"
    assert error_code(client.get(f"/api/v1/generations/{image.id}")) == "GENERATION_NOT_FOUND"
    again = sign_in(session.get(User, artist.user_id))
    answer = again.patch(f"/api/v1/styles/{style.id}", json={"is_active": True})
    assert answer.json["data"]["is_active"] is True


def test_people_are_found_by_part_of_their_name_or_address(admin_client, admin, buyer, artist):
    assert [row["id"] for row in results(admin_client, f"users?q={buyer.email.upper()}")] == [
        buyer.id
    ]
    assert [row["id"] for row in results(admin_client, "users?role=admin")] == [admin.id]
    assert [row["id"] for row in results(admin_client, "users?role=artist")] == [artist.user_id]


def test_ones_own_account_is_not_ones_own_to_change(admin_client, admin):
    for body in ({"role": "user"}, {"is_active": False}):
        answer = change(admin_client, f"users/{admin.id}", **body)
        assert (answer.status_code, error_code(answer)) == (403, "FORBIDDEN")


def test_a_role_must_fit_the_person(admin_client, session, buyer, artist):
    answer = change(admin_client, f"users/{buyer.id}", role="artist")
    assert error_code(answer) == "VALIDATION_ERROR"
    answer = change(admin_client, f"users/{artist.user_id}", role="user")
    assert error_code(answer) == "VALIDATION_ERROR"
    assert change(admin_client, f"users/{buyer.id}", role="admin").json["data"]["role"] == "admin"
    assert change(admin_client, f"users/{artist.user_id}", role="admin").status_code == 200
    back = change(admin_client, f"users/{artist.user_id}", role="artist")
    assert back.json["data"]["role"] == "artist"


def test_a_change_that_changes_nothing_leaves_no_trace(admin_client, buyer):
    assert change(admin_client, f"users/{buyer.id}", is_active=True).status_code == 200
    assert log(admin_client) == []


def test_the_log_can_be_read_by_object_and_administrator(admin_client, admin, session, style):
    _tag(session, "boat")
    change(admin_client, f"styles/{style.id}", is_flagged=True)
    change(admin_client, f"styles/{style.id}", is_active=False)
    assert len(log(admin_client, object_type="style", object_id=style.id)) == 2
    assert len(log(admin_client, admin_id=admin.id)) == 2
    assert log(admin_client, admin_id=404) == []


def test_the_log_cannot_be_rewritten(admin_client, session, style):
    change(admin_client, f"styles/{style.id}", is_flagged=True)
    for statement in ("DELETE FROM audit_entries", "UPDATE audit_entries SET reason = 'none'"):
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(text(statement))


def test_a_delivered_image_is_refunded_out_of_the_artists_earnings_once(
    admin_client, buyer_client, artist_client, session, buyer, artist, image
):
    body = {"generation_id": image.id, "reason": REASON}
    answer = admin_client.post(f"{ADMIN}/refunds", json=body)
    assert answer.status_code == 201
    transaction_id = answer.json["data"]["transaction_id"]
    assert answer.json["data"] == {
        "id": transaction_id,
        "unit": "token",
        "amount": 10,
        "transaction_id": transaction_id,
    }
    assert ledger.balances(session, buyer.id).spendable == 100
    assert ledger.balances(session, artist.user_id).earned == 0
    assert making.violations(session) == []

    again = admin_client.post(f"{ADMIN}/refunds", json=body)
    assert (again.status_code, error_code(again)) == (409, "ALREADY_REFUNDED")
    assert again.json["error"]["details"] == {"transaction_id": transaction_id}
    assert buyer_client.get(f"/api/v1/generations/{image.id}").json["data"]["refunded"] is True

    bought = buyer_client.get("/api/v1/tokens/transactions").json["data"]["results"]
    assert [(row["type"], row["direction"], row["status"]) for row in bought[:2]] == [
        ("refund", "in", "completed"),
        ("usage", "out", "refunded"),
    ]
    earned = artist_client.get("/api/v1/tokens/transactions?type=earning").json["data"]["results"]
    assert [row["direction"] for row in earned] == ["out", "in"]
    (style,) = artist_client.get("/api/v1/styles/me").json["data"]["results"]
    assert style["total_earned_tokens"] == 0
    (entry,) = log(admin_client, object_type="generation", object_id=image.id)
    assert entry["after"] == {"refunded": True, "transaction_id": transaction_id}


def test_the_buyer_is_told_of_a_refund_once(admin_client, buyer_client, session, style, image):
    body = {"generation_id": image.id, "reason": REASON}
    for _ in range(2):
        admin_client.post(f"{ADMIN}/refunds", json=body)
    told = buyer_client.get("/api/v1/notifications").json["data"]["results"]
    (refund,) = [each for each in told if each["type"] == "refund"]
    assert (refund["target_type"], refund["target_id"]) == ("generation", image.id)
    assert refund["message"] == (
        f"An administrator refunded your picture in “{style.name}”: 10 tokens are back in your"
        " wallet."
    )
    assert REASON not in refund["message"]


def test_a_buyer_whose_account_is_closed_is_not_told_of_a_refund(
    admin_client, session, buyer, image
):
    admin_client.patch(f"{ADMIN}/users/{buyer.id}", json={"is_active": False, "reason": REASON})
    admin_client.post(f"{ADMIN}/refunds", json={"generation_id": image.id, "reason": REASON})
    told = session.scalars(select(Notification.type).where(Notification.recipient_id == buyer.id))
    assert list(told) == ["generation_complete"]


def test_the_notification_of_a_comment_goes_when_it_is_hidden(
    admin_client, buyer_client, admirer_client, image
):
    comments = f"/api/v1/generations/{image.id}/comments"
    said = admirer_client.post(comments, json={"content": "Nasty."}).json["data"]["id"]
    types = lambda: [  # noqa: E731 - read twice
        each["type"] for each in buyer_client.get("/api/v1/notifications").json["data"]["results"]
    ]
    assert "comment" in types()
    change(admin_client, f"comments/{said}", is_hidden=True)
    assert types() == ["generation_complete"]


def test_others_lose_the_notifications_of_a_picture_that_an_administrator_hides(
    admin_client, buyer_client, admirer_client, image
):
    comments = f"/api/v1/generations/{image.id}/comments"
    said = admirer_client.post(comments, json={"content": "Fine."}).json["data"]["id"]
    buyer_client.post(comments, json={"content": "Thanks.", "parent_id": said})
    count = lambda client: client.get("/api/v1/notifications/unread-count").json["data"]  # noqa: E731
    assert count(admirer_client) == {"unread_count": 1}
    change(admin_client, f"generations/{image.id}", is_flagged=True)
    assert count(admirer_client) == {"unread_count": 0}
    assert count(buyer_client) == {"unread_count": 2}


def test_an_image_that_refunds_itself_is_not_refunded_by_hand(
    admin_client, buyer_client, session, ordered
):
    body = {"generation_id": ordered.id, "reason": REASON}
    working = admin_client.post(f"{ADMIN}/refunds", json=body)
    assert error_code(working) == "GENERATION_STILL_PROCESSING"
    buyer_client.post(f"/api/v1/generations/{ordered.id}/cancel")
    canceled = admin_client.post(f"{ADMIN}/refunds", json=body)
    assert error_code(canceled) == "ALREADY_REFUNDED"
    assert making.violations(session) == []


def test_a_try_out_cost_nothing_so_nothing_is_given_back(admin_client, session, storage):
    made = making.try_out(session, making.trained(session, storage))
    body = {"generation_id": made.id, "reason": REASON}
    answer = admin_client.post(f"{ADMIN}/refunds", json=body)
    assert (answer.status_code, error_code(answer)) == (409, "TRY_OUT_FREE")
    assert making.violations(session) == []


@pytest.mark.parametrize(
    "named", [{}, {"generation_id": 1, "order_id": "x"}, {"generation_id": True}]
)
def test_a_refund_names_one_thing(admin_client, named):
    answer = admin_client.post(f"{ADMIN}/refunds", json=named | {"reason": REASON})
    assert error_code(answer) == "VALIDATION_ERROR"


def test_a_refund_of_nothing_is_not_found(admin_client):
    body = {"generation_id": 99999999, "reason": REASON}
    answer = admin_client.post(f"{ADMIN}/refunds", json=body)
    assert error_code(answer) == "GENERATION_NOT_FOUND"


def test_a_purchase_is_refunded_once_and_the_log_has_it(bought, committed):
    admin_client, made = bought
    body = {"order_id": made.order_id, "reason": REASON}
    answer = admin_client.post(f"{ADMIN}/refunds", json=body)
    assert answer.status_code == 201, answer.json
    assert (answer.json["data"]["unit"], answer.json["data"]["amount"]) == ("token", 100)
    again = admin_client.post(f"{ADMIN}/refunds", json=body)
    assert (again.status_code, error_code(again)) == (409, "ALREADY_REFUNDED")
    (entry,) = log(admin_client, object_type="purchase", object_id=made.id)
    assert entry["after"] == {"refund": "begun", "order_id": made.order_id}
    with committed() as session:
        assert ledger.balances(session, made.user_id).spendable == 100
        assert making.violations(session) == []


def test_a_purchase_whose_tokens_are_spent_is_not_refunded(bought, committed):
    admin_client, made = bought
    with committed.begin() as session:
        making.take_tokens(session, made.user_id, 150)
    body = {"order_id": made.order_id, "reason": REASON}
    answer = admin_client.post(f"{ADMIN}/refunds", json=body)
    assert (answer.status_code, error_code(answer)) == (402, "PAYMENT_FAILED")
    assert answer.json["error"]["details"]["reason"] == "tokens_spent"
    assert log(admin_client, object_type="purchase") == []


def test_refunds_in_parallel_give_the_price_back_once(real_app, committed, storage):
    with committed() as session:
        image = making.generation(session, storage)
        making.finish(session, storage, image)
        admin = making.user(session, role="admin")
        session.commit()
        admin_client = signed_in_client(real_app, session, admin)
        body = {"generation_id": image.id, "reason": REASON}
        buyer_id = image.user_id
    calls = [lambda: admin_client.post(f"{ADMIN}/refunds", json=body).status_code] * 12
    assert sorted(at_once(*calls)) == [201] + [409] * 11
    with committed() as session:
        assert ledger.balances(session, buyer_id).spendable == 100
        assert making.violations(session) == []
