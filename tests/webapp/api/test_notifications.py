import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.database import at_once
from tests.webapp.conftest import WORKER_HEADERS, error_code
from tests.webapp.http.test_event_streams import opened, parsed
from webapp.domain.models.account import SignIn, User
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.services import notifications
from webapp.http import event_streams

NOTIFICATIONS = "/api/v1/notifications"
SALES = "Your style “{}” on 2026-11-28: pictures sold: 3, tokens earned: 30"


def listed(client, query=""):
    return client.get(f"{NOTIFICATIONS}?{query}").json["data"]


@pytest.fixture
def told(session, style):
    """Tell a person about a style, as often as asked."""

    def tell(person, *, times=1, kind=NotificationType.STYLE_TRAINING_COMPLETE):
        for event in range(times):
            notifications.notify(
                session,
                person.id,
                kind,
                target_type="style",
                target_id=style.id,
                event=f"{event}",
            )
        session.commit()

    return tell


def test_a_finished_image_is_told_with_its_style_and_its_picture(
    buyer_client, ordered, finish, style
):
    finish(ordered)
    (notification,) = listed(buyer_client)["results"]
    thumbnail = notification["target"].pop("thumbnail_url")
    assert f"thumbnails/{ordered.id}.png" in thumbnail
    expected = {
        "type": "generation_complete",
        "actor": None,
        "target_type": "generation",
        "target_id": ordered.id,
        "target": {"title": style.name, "excerpt": None, "generation_id": ordered.id},
        "message": f"Your picture in “{style.name}” is ready.",
        "is_read": False,
    }
    assert {name: notification[name] for name in expected} == expected


def test_an_artist_is_told_of_the_style_itself(sign_in, session, told, style):
    artist = session.get(User, style.artist_id)
    told(artist)
    (notification,) = listed(sign_in(artist))["results"]
    assert (notification["target_type"], notification["target_id"]) == ("style", style.id)
    assert notification["target"]["title"] == style.name
    assert notification["target"]["generation_id"] is None


@pytest.mark.parametrize(
    "refunded,message",
    [
        ((0, 0), f"{SALES}."),
        ((1, 10), f"{SALES}; pictures refunded: 1, tokens taken back: 10."),
    ],
)
def test_an_artist_is_told_of_sales_and_of_refunds_if_there_were_any(
    sign_in, session, style, refunded, message
):
    artist = session.get_one(User, style.artist_id)
    numbers = dict(zip(("refunded", "returned"), refunded, strict=True))
    notifications.notify(
        session,
        artist.id,
        NotificationType.STYLE_SALES,
        target_type="style",
        target_id=style.id,
        details={"day": "2026-11-28", "sold": 3, "earned": 30, **numbers},
    )
    session.commit()
    (notification,) = listed(sign_in(artist))["results"]
    assert notification["message"] == message.format(style.name)


def test_words_are_in_the_language_that_the_reader_has_now(buyer_client, buyer, told, style):
    told(buyer, kind=NotificationType.STYLE_TRAINING_FAILED)
    buyer_client.patch("/api/v1/users/me", json={"language": "ko"})
    (notification,) = listed(buyer_client)["results"]
    assert notification["message"] == f"“{style.name}” 스타일 학습에 실패했습니다."


def test_the_newest_come_first_page_by_page(buyer_client, buyer, told):
    told(buyer, times=5)
    ids, cursor = [], ""
    for size in (2, 2, 1):
        page = listed(buyer_client, f"limit=2{cursor}")
        assert (len(page["results"]), page["unread_count"]) == (size, 5)
        ids += [each["id"] for each in page["results"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert ids == sorted(set(ids), reverse=True)
    assert page["has_more"] is False


def test_a_cursor_belongs_to_its_list(buyer_client, buyer, told):
    told(buyer, times=3)
    cursor = listed(buyer_client, "limit=2")["next_cursor"]
    answer = buyer_client.get(f"{NOTIFICATIONS}?unread_only=true&cursor={cursor}")
    assert error_code(answer) == "VALIDATION_ERROR"


def test_what_was_read_is_not_among_the_unread(buyer_client, buyer, told):
    told(buyer, times=3)
    newest, *older = (each["id"] for each in listed(buyer_client)["results"])
    for _ in range(2):  # it may be said again
        answer = buyer_client.patch(f"{NOTIFICATIONS}/{newest}/read")
        assert answer.json["data"] == {"id": newest, "is_read": True}
    unread = listed(buyer_client, "unread_only=true")
    assert [each["id"] for each in unread["results"]] == older
    assert unread["unread_count"] == 2
    assert [each["is_read"] for each in listed(buyer_client)["results"]] == [True, False, False]


@pytest.mark.parametrize(
    "method, path", [("POST", "read-all"), ("POST", "mark-all-read"), ("PATCH", "mark-all-read")]
)
def test_everything_is_read_at_once_and_counted_once(buyer_client, buyer, told, method, path):
    told(buyer, times=3)
    for count in (3, 0):
        answer = buyer_client.open(f"{NOTIFICATIONS}/{path}", method=method)
        assert answer.json["data"] == {"updated_count": count}
    unread = buyer_client.get(f"{NOTIFICATIONS}/unread-count").json["data"]
    assert unread == {"unread_count": 0}


def test_what_others_were_told_is_neither_shown_nor_touched(
    buyer_client, buyer, artist_client, session, told, style
):
    told(buyer)
    (own,) = listed(buyer_client)["results"]
    assert listed(artist_client)["results"] == []
    answer = artist_client.patch(f"{NOTIFICATIONS}/{own['id']}/read")
    assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")
    artist_client.post(f"{NOTIFICATIONS}/read-all")
    assert listed(buyer_client)["unread_count"] == 1


@pytest.mark.parametrize("method, path", [("GET", ""), ("PATCH", "/1/read"), ("POST", "/read-all")])
def test_strangers_have_no_notifications(client, method, path):
    answer = client.open(f"{NOTIFICATIONS}{path}", method=method)
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")


# ── told by our own workers ──────────────────────────────────────────────────────────────────


def report(app, body, **headers):
    sent = WORKER_HEADERS | {"X-Request-Source": "training-server"} | headers
    return app.test_client().post(NOTIFICATIONS, json=body, headers=sent)


@pytest.fixture
def news(buyer, style):
    return {
        "recipient_id": buyer.id,
        "type": "style_training_complete",
        "target_type": "style",
        "target_id": style.id,
    }


def test_what_a_worker_adds_is_kept_and_shown(app, buyer_client, news):
    more = {"attempt": 1, "loss": 0.125, "is_last": True, "of": None, "note": "<b>Two\0</b> boats"}
    kept = more | {"note": "<b>Two</b> boats"}
    told = report(app, news | {"metadata": more}).json["data"]
    again = report(app, news | {"metadata": {"attempt": 2}}).json["data"]
    (shown,) = listed(buyer_client)["results"]
    assert told["metadata"] == again["metadata"] == shown["metadata"] == kept


@pytest.mark.parametrize("nothing", [{}, {"metadata": None}, {"metadata": {}}])
def test_a_worker_need_not_add_anything(app, news, nothing):
    assert report(app, news | nothing).json["data"]["metadata"] == {}


def test_a_worker_tells_somebody_of_a_thing_once(app, buyer_client, news, style):
    answer = report(app, news | {"metadata": {"attempt": 1}})
    assert answer.status_code == 201
    told = answer.json["data"]
    assert answer.headers["Location"] == f"{NOTIFICATIONS}/{told['id']}"
    assert told["message"] == f"Your style “{style.name}” has been trained and is on sale."
    again = report(app, news)
    assert (again.status_code, again.json["data"]["id"]) == (200, told["id"])
    page = listed(buyer_client)
    assert (page["results"], page["unread_count"]) == ([told], 1)


def test_what_the_service_told_before_is_not_told_again(app, buyer_client, buyer, ordered, finish):
    finish(ordered)
    (told,) = listed(buyer_client)["results"]
    body = {
        "recipient_id": buyer.id,
        "type": "generation_complete",
        "target_type": "generation",
        "target_id": ordered.id,
    }
    answer = report(app, body)
    assert (answer.status_code, answer.json["data"]["id"]) == (200, told["id"])


@pytest.mark.parametrize(
    "target_type", ["generation", "style", "user", "comment", "purchase", "set_job"]
)
@pytest.mark.parametrize("kind", list(NotificationType))
def test_every_kind_is_told_of_every_target(app, buyer_client, buyer, kind, target_type):
    body = {
        "recipient_id": buyer.id,
        "type": kind,
        "target_type": target_type,
        "target_id": 404,
    }
    assert report(app, body).status_code == 201
    (told,) = listed(buyer_client)["results"]
    assert (told["type"], told["target_type"], told["target_id"]) == (kind, target_type, 404)
    assert told["message"]
    assert "None" not in told["message"]
    assert "%(" not in told["message"]


def test_of_reports_in_parallel_one_is_told(real_app, committed):
    with committed() as session:
        person = making.user(session)
        session.commit()
    body = {
        "recipient_id": person.id,
        "type": "set_job_complete",
        "target_type": "set_job",
        "target_id": 5,
    }
    calls = [lambda: report(real_app, body).status_code] * 6
    assert sorted(at_once(*calls)) == [200] * 5 + [201]
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(Notification)) == 1


@pytest.mark.parametrize("source", ["training-server", "inference-server", "sets-worker"])
def test_each_of_our_workers_may_tell(app, news, source):
    assert report(app, news, **{"X-Request-Source": source}).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer wrong"}, {"Authorization": ""}, {"X-Request-Source": "somebody"}],
)
def test_nobody_else_may_tell(app, buyer_client, news, headers):
    answer = report(app, news, **headers)
    assert (answer.status_code, error_code(answer)) == (403, "CALLBACK_UNAUTHORIZED")
    assert listed(buyer_client)["results"] == []
    assert error_code(buyer_client.post(NOTIFICATIONS, json=news)) == "CALLBACK_UNAUTHORIZED"


def test_nobody_is_told_who_is_not_there_or_has_left(app, session, news, buyer):
    missing = report(app, news | {"recipient_id": 404404})
    assert (missing.status_code, error_code(missing)) == (404, "NOT_FOUND")
    session.execute(update(User).where(User.id == buyer.id).values(deleted_at=func.now()))
    session.commit()
    assert error_code(report(app, news)) == "NOT_FOUND"


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipient_id": None},
        {"recipient_id": True},
        {"type": "gossip"},
        {"target_type": "planet"},
        {"target_id": 2**63},
        {"metadata": "words"},
        {"metadata": {"deep": {"er": 1}}},
        {"metadata": {"note": "x" * 201}},
        {"metadata": {"": 1}},
        {"metadata": {f"n{number}": number for number in range(21)}},
    ],
)
def test_a_report_names_its_wrong_fields(app, news, wrong):
    answer = report(app, news | wrong)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    (field,) = {name.partition(".")[0] for name in answer.json["error"]["details"]["fields"]}
    assert [field] == list(wrong)


# ── live ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setattr(event_streams, "POLL_SECONDS", 0.001)
    return f"{NOTIFICATIONS}/events"


def test_news_are_streamed_as_they_come_and_as_they_are_read(
    buyer_client, buyer, told, session, live
):
    answer, messages = opened(buyer_client, live)
    assert parsed(next(messages)) == ("update", "1", {"unread_count": 0, "latest": None})
    told(buyer)
    name, number, data = parsed(next(messages))
    (newest,) = listed(buyer_client)["results"]
    assert (name, number) == ("update", "2")
    assert data == {"unread_count": 1, "latest": newest}
    buyer_client.post(f"{NOTIFICATIONS}/read-all")
    name, number, data = parsed(next(messages))
    assert (name, number) == ("update", "3")
    assert data == {"unread_count": 0, "latest": newest | {"is_read": True}}
    answer.close()


def test_a_stream_of_news_is_ones_own(buyer_client, artist_client, artist, session, told, live):
    told(session.get(User, artist.user_id))
    answer, messages = opened(buyer_client, live)
    assert parsed(next(messages))[2] == {"unread_count": 0, "latest": None}
    answer.close()


def test_a_stream_of_news_ends_with_the_session(buyer_client, buyer, session, live):
    answer, messages = opened(buyer_client, live)
    next(messages)
    session.execute(update(SignIn).values(ended_at=func.now()))
    session.commit()
    assert list(messages) == []
    answer.close()


def test_strangers_get_no_stream_of_news(client):
    answer = client.get(f"{NOTIFICATIONS}/events")
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")
