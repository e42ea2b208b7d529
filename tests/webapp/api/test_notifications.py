import pytest

from tests.webapp.conftest import error_code
from webapp.domain.models.account import User
from webapp.domain.models.notification import NotificationType
from webapp.domain.services import notifications

NOTIFICATIONS = "/api/v1/notifications"


def listed(client, query=""):
    return client.get(f"{NOTIFICATIONS}?{query}").json["data"]


@pytest.fixture
def told(session, style):
    """Tell a person about a style, as often as asked."""

    def tell(person, *, times=1, kind=NotificationType.STYLE_TRAINING_COMPLETE):
        for event in range(times):
            notifications.tell(
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
        "target": {"title": style.name, "excerpt": None},
        "message": f"Your image in “{style.name}” is ready.",
        "is_read": False,
    }
    assert {name: notification[name] for name in expected} == expected


def test_an_artist_is_told_of_the_style_itself(sign_in, session, told, style):
    artist = session.get(User, style.artist_id)
    told(artist)
    (notification,) = listed(sign_in(artist))["results"]
    assert (notification["target_type"], notification["target_id"]) == ("style", style.id)
    assert notification["target"]["title"] == style.name


def test_words_are_in_the_language_that_the_reader_has_now(buyer_client, buyer, told, style):
    told(buyer, kind=NotificationType.STYLE_TRAINING_FAILED)
    buyer_client.patch("/api/v1/users/me", json={"language": "ko"})
    (notification,) = listed(buyer_client)["results"]
    assert notification["message"] == f"“{style.name}” 스타일을 학습하지 못했습니다."


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
