from functools import partial

import pytest
from markupsafe import escape
from sqlalchemy import select, update

from tests import making
from tests.database import at_once
from tests.webapp.conftest import error_code, repeated_while_unavailable, signed_in_client
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation

API = "/api/v1"


def address(image):
    return f"{API}/generations/{image.id}/comments"


def say(client, image, content="How quiet.", **body):
    comment = {"content": content} | body
    answer = repeated_while_unavailable(lambda: client.post(address(image), json=comment))
    assert answer.status_code == 201, answer.json
    return answer.json["data"]


def listed(client, image, query=""):
    answer = client.get(f"{address(image)}?{query}")
    assert answer.status_code == 200, answer.json
    return answer.json["data"]


def comment_count(client, image):
    return client.get(f"{API}/generations/{image.id}").json["data"]["comment_count"]


def told(client):
    results = client.get(f"{API}/notifications").json["data"]["results"]
    return [each for each in results if each["type"] == "comment"]


@pytest.fixture
def third(session, sign_in):
    """Somebody else again."""
    made = making.user(session)
    session.commit()
    return sign_in(made)


@pytest.fixture
def admin_client(session, sign_in):
    made = making.user(session, role="admin")
    session.commit()
    return sign_in(made)


def test_a_comment_is_shown_to_everybody_and_counted(admirer_client, admirer, client, shown):
    answer = admirer_client.post(address(shown), json={"content": " <b>How quiet.</b> "})
    assert answer.status_code == 201
    data = answer.json["data"]
    assert answer.headers["Location"] == f"{API}/comments/{data['id']}"
    assert data == {
        "id": data["id"],
        "user": {
            "id": admirer.id,
            "username": admirer.username,
            "display_name": admirer.username,
            "profile_image": None,
        },
        "content": "<b>How quiet.</b>",
        "is_hidden": False,
        "parent_id": None,
        "reply_count": 0,
        "replies": [],
        "created_at": data["created_at"],
        "updated_at": data["created_at"],
    }
    assert listed(client, shown) == {"results": [data], "next_cursor": None, "has_more": False}
    assert comment_count(client, shown) == 1


def test_the_other_name_is_the_same_list(admirer_client, client, shown):
    path = f"/api/images/{shown.id}/comments"
    assert admirer_client.post(path, json={"content": "Hm."}).status_code == 201
    assert client.get(path).json["data"] == listed(client, shown)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": ""},
        {"content": " <p></p> \x00"},
        {"content": "x" * 501},
        {"content": None},
        {"content": 7},
        {"content": "Hm.", "parent_id": "x"},
        {"content": "Hm.", "parent_id": True},
    ],
)
def test_a_comment_without_words_is_refused(admirer_client, client, shown, body):
    answer = admirer_client.post(address(shown), json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert comment_count(client, shown) == 0


@pytest.mark.parametrize(
    "written, kept",
    [
        ("x<y and y>z", "x<y and y>z"),
        ("<https://example.org/a?b=1&c=2>", "<https://example.org/a?b=1&c=2>"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a < b & c > d\r\n<3 ", "a < b & c > d\n<3"),
        ("조용하다 🌊 👩‍👧", "조용하다 🌊 👩‍👧"),
        ("x" * 500 + " ", "x" * 500),
    ],
)
def test_words_are_kept_as_they_were_written(admirer_client, client, shown, written, kept):
    assert say(admirer_client, shown, written)["content"] == kept
    page = client.get(f"/g/{shown.id}").text
    assert str(escape(kept)) in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    "written", ["\u200b", "Hm.\x00", "Hm.\u202e", "\u3164", "\ufeff", "Z" + "\u0335" * 9, "\u0301"]
)
def test_words_that_cannot_be_seen_are_refused(admirer_client, client, shown, written):
    answer = admirer_client.post(address(shown), json={"content": written})
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert list(answer.json["error"]["details"]["fields"]) == ["content"]
    assert comment_count(client, shown) == 0


def test_a_reply_stands_under_its_comment_and_both_are_counted(
    admirer_client, buyer_client, client, shown
):
    comment = say(admirer_client, shown)
    reply = say(buyer_client, shown, "Thank you.", parent_id=comment["id"])
    assert (reply["parent_id"], reply["replies"], reply["reply_count"]) == (comment["id"], [], 0)
    (seen,) = listed(client, shown)["results"]
    assert (seen["id"], seen["reply_count"], seen["replies"]) == (comment["id"], 1, [reply])
    assert listed(client, shown, f"parent_id={comment['id']}")["results"] == [reply]
    assert listed(client, shown, f"parent_id={reply['id']}")["results"] == []
    assert comment_count(client, shown) == 2


def test_a_reply_cannot_be_replied_to(admirer_client, client, shown):
    reply = say(admirer_client, shown, parent_id=say(admirer_client, shown)["id"])
    answer = admirer_client.post(address(shown), json={"content": "And?", "parent_id": reply["id"]})
    assert (answer.status_code, error_code(answer)) == (422, "REPLY_DEPTH_EXCEEDED")
    assert answer.json["error"]["details"] == {"parent_id": reply["id"]}
    assert comment_count(client, shown) == 2


def test_a_parent_of_another_image_is_not_here(
    admirer_client, session, buyer, style, finish, shown
):
    other = finish(making.order(session, buyer, style)[0], is_public=True)
    elsewhere = say(admirer_client, other)["id"]
    for parent_id in (elsewhere, 404):
        body = {"content": "Hm.", "parent_id": parent_id}
        answer = admirer_client.post(address(shown), json=body)
        assert (answer.status_code, error_code(answer)) == (404, "COMMENT_NOT_FOUND")
        assert answer.json["error"]["details"] == {"id": parent_id}
        answer = admirer_client.get(f"{address(shown)}?parent_id={parent_id}")
        assert (answer.status_code, error_code(answer)) == (404, "COMMENT_NOT_FOUND")
    assert comment_count(admirer_client, shown) == 0


def test_the_oldest_come_first_page_by_page(admirer_client, client, shown):
    said = [say(admirer_client, shown, f"{number}.")["id"] for number in range(5)]
    ids, cursor = [], ""
    for size in (2, 2, 1):
        page = listed(client, shown, f"limit=2{cursor}")
        assert len(page["results"]) == size
        ids += [each["id"] for each in page["results"]]
        say(admirer_client, shown, "Meanwhile.", parent_id=said[0])  # is in no page
        cursor = f"&cursor={page['next_cursor']}"
    assert (ids, page["has_more"]) == (said, False)


def test_twenty_replies_come_along_and_the_rest_in_pages(admirer_client, client, shown):
    comment = say(admirer_client, shown)["id"]
    replies = [say(admirer_client, shown, parent_id=comment)["id"] for _ in range(22)]
    (seen,) = listed(client, shown)["results"]
    assert [each["id"] for each in seen["replies"]] == replies[:20]
    assert seen["reply_count"] == 22
    first = listed(client, shown, f"parent_id={comment}")
    rest = listed(client, shown, f"parent_id={comment}&cursor={first['next_cursor']}")
    assert [each["id"] for each in first["results"] + rest["results"]] == replies
    of_another_list = client.get(f"{address(shown)}?cursor={first['next_cursor']}")
    assert error_code(of_another_list) == "VALIDATION_ERROR"


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=xyz", "parent_id=x"])
def test_a_wrong_query_is_refused(client, shown, query):
    answer = client.get(f"{address(shown)}?{query}")
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def test_what_one_may_not_see_one_can_neither_read_nor_write(
    admirer_client, buyer_client, client, ordered, finish
):
    unfinished = buyer_client.post(address(ordered), json={"content": "Soon!"})
    assert (unfinished.status_code, error_code(unfinished)) == (404, "GENERATION_NOT_FOUND")
    assert listed(buyer_client, ordered)["results"] == []
    finish(ordered)
    say(buyer_client, ordered, "Mine alone.")
    for image_id in (ordered.id, 404):
        path = f"{API}/generations/{image_id}/comments"
        for answer in (
            client.get(path),
            admirer_client.get(path),
            admirer_client.post(path, json={"content": "Hm."}),
        ):
            assert (answer.status_code, error_code(answer)) == (404, "GENERATION_NOT_FOUND")
    assert comment_count(buyer_client, ordered) == 1


def test_its_author_changes_its_words(admirer_client, client, shown):
    made = say(admirer_client, shown)
    say(admirer_client, shown, "A reply.", parent_id=made["id"])
    answer = admirer_client.patch(
        f"{API}/comments/{made['id']}", json={"content": "How <i>loud</i>."}
    )
    assert answer.status_code == 200
    (seen,) = listed(client, shown)["results"]
    assert answer.json["data"] == seen
    assert (seen["content"], seen["reply_count"]) == ("How <i>loud</i>.", 1)
    assert seen["created_at"] == made["created_at"]
    for body in ({}, {"content": " \u200b"}, {"content": "x" * 501}):
        refused = admirer_client.patch(f"{API}/comments/{made['id']}", json=body)
        assert (refused.status_code, error_code(refused)) == (422, "VALIDATION_ERROR")


def test_others_change_nothing(admirer_client, buyer_client, admin_client, client, shown):
    path = f"{API}/comments/{say(admirer_client, shown)['id']}"
    for somebody in (buyer_client, admin_client):
        answer = somebody.patch(path, json={"content": "Ha."})
        assert (answer.status_code, error_code(answer)) == (403, "FORBIDDEN")
        assert answer.json["error"]["details"] == {"owner": False}
    answer = buyer_client.delete(path)
    assert (answer.status_code, error_code(answer)) == (403, "FORBIDDEN")
    (seen,) = listed(client, shown)["results"]
    assert seen["content"] == "How quiet."


def test_a_deleted_comment_takes_its_replies_along(admirer_client, buyer_client, client, shown):
    going, staying = say(admirer_client, shown)["id"], say(buyer_client, shown)["id"]
    for _ in range(2):
        say(buyer_client, shown, parent_id=going)
    assert comment_count(client, shown) == 4
    assert admirer_client.delete(f"{API}/comments/{going}").status_code == 204
    assert [each["id"] for each in listed(client, shown)["results"]] == [staying]
    assert comment_count(client, shown) == 1
    again = admirer_client.delete(f"{API}/comments/{going}")
    assert (again.status_code, error_code(again)) == (404, "COMMENT_NOT_FOUND")


def test_a_deleted_reply_is_no_longer_counted(admirer_client, buyer_client, client, shown):
    comment = say(admirer_client, shown)["id"]
    gone, kept = (say(buyer_client, shown, parent_id=comment)["id"] for _ in range(2))
    assert buyer_client.delete(f"{API}/comments/{gone}").status_code == 204
    (seen,) = listed(client, shown)["results"]
    assert (seen["reply_count"], [each["id"] for each in seen["replies"]]) == (1, [kept])
    assert comment_count(client, shown) == 2


def test_an_administrator_deletes_whatever_was_said(admirer_client, admin_client, client, shown):
    comment = say(admirer_client, shown)["id"]
    assert admin_client.delete(f"{API}/comments/{comment}").status_code == 204
    assert comment_count(client, shown) == 0


def test_under_an_image_that_was_hidden_one_can_only_take_ones_words_back(
    admirer_client, buyer_client, third, shown
):
    mine = f"{API}/comments/{say(admirer_client, shown)['id']}"
    buyer_client.patch(f"{API}/generations/{shown.id}", json={"is_public": False})
    for answer in (
        admirer_client.patch(mine, json={"content": "Hm."}),
        third.patch(mine, json={"content": "Hm."}),
        third.delete(mine),
    ):
        assert (answer.status_code, error_code(answer)) == (404, "COMMENT_NOT_FOUND")
    assert admirer_client.delete(mine).status_code == 204
    assert comment_count(buyer_client, shown) == 0


@pytest.mark.parametrize("method, path", [("POST", None), ("PATCH", 404), ("DELETE", 404)])
def test_strangers_only_read(client, shown, method, path):
    path = f"{API}/comments/{path}" if path else address(shown)
    answer = client.open(path, method=method, json={"content": "Hm."})
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_comment_that_is_not_there_is_not_found(admirer_client, method):
    answer = admirer_client.open(f"{API}/comments/404", method=method, json={"content": "Hm."})
    assert (answer.status_code, error_code(answer)) == (404, "COMMENT_NOT_FOUND")
    assert answer.json["error"]["details"] == {"id": 404}


def test_hidden_words_are_for_their_author_and_administrators(
    admirer_client, buyer_client, admin_client, client, session, shown
):
    comment = say(admirer_client, shown, "Nasty.")["id"]
    say(admirer_client, shown, "Nastier.", parent_id=comment)
    session.execute(update(Comment).values(is_hidden=True))
    session.commit()
    for somebody, words in (
        (client, [None, None]),
        (buyer_client, [None, None]),
        (admirer_client, ["Nasty.", "Nastier."]),
        (admin_client, ["Nasty.", "Nastier."]),
    ):
        (seen,) = listed(somebody, shown)["results"]
        assert [seen["content"], seen["replies"][0]["content"]] == words
        assert seen["is_hidden"] is True


def test_the_owner_of_the_image_is_told_what_was_said(
    admirer_client, admirer, buyer_client, shown, style
):
    words = "How quiet  it\nis. " + "So quiet. " * 20
    comment = say(admirer_client, shown, words)["id"]
    (notification,) = told(buyer_client)
    thumbnail = notification["target"].pop("thumbnail_url")
    assert f"thumbnails/{shown.id}.png" in thumbnail
    excerpt = notification["target"]["excerpt"]
    assert excerpt.startswith("How quiet it is. So quiet.")
    assert excerpt.endswith("…")
    assert len(excerpt) <= 80
    expected = {
        "actor": {
            "id": admirer.id,
            "username": admirer.username,
            "display_name": admirer.username,
            "profile_image": None,
        },
        "target_type": "comment",
        "target_id": comment,
        "target": {"title": style.name, "excerpt": excerpt, "generation_id": shown.id},
        "message": f"{admirer.username} commented: “{excerpt}”",
    }
    assert {name: notification[name] for name in expected} == expected
    assert told(admirer_client) == []


def test_of_a_reply_the_author_of_the_comment_is_told(admirer_client, buyer_client, third, shown):
    comment = say(admirer_client, shown)["id"]
    reply = say(third, shown, "100 % true.", parent_id=comment)["id"]
    (notification,) = told(admirer_client)
    assert (notification["target_type"], notification["target_id"]) == ("comment", reply)
    assert notification["target"]["excerpt"] == "100 % true."
    assert notification["target"]["generation_id"] == shown.id
    assert [each["target_id"] for each in told(buyer_client)] == [comment]
    assert told(third) == []


def test_ones_own_acts_are_told_to_nobody_and_nothing_is_told_twice(
    admirer_client, buyer_client, shown
):
    own = say(buyer_client, shown)["id"]
    say(buyer_client, shown, parent_id=own)
    assert told(buyer_client) == []
    reply = say(admirer_client, shown, parent_id=own)["id"]
    assert [each["target_id"] for each in told(buyer_client)] == [reply]


def test_what_is_hidden_or_gone_is_not_quoted(
    admirer_client, admirer, buyer_client, session, shown
):
    comment = say(admirer_client, shown, "Nasty.")["id"]
    session.execute(update(Comment).values(is_hidden=True))
    session.commit()
    gone = f"{admirer.username} wrote a comment that has been removed."
    (hidden,) = told(buyer_client)
    assert (hidden["target"]["excerpt"], hidden["message"]) == (None, gone)
    assert hidden["target"]["thumbnail_url"]
    assert hidden["target"]["generation_id"] == shown.id
    buyer_client.patch(f"{API}/users/me", json={"language": "ko"})
    assert told(buyer_client)[0]["message"] == (
        f"{admirer.username}님이 남긴 댓글은 더 이상 볼 수 없습니다."
    )
    admirer_client.delete(f"{API}/comments/{comment}")
    assert told(buyer_client) == []


def test_a_hidden_image_is_not_shown_to_those_who_once_talked_there(
    admirer_client, buyer_client, session, shown
):
    comment = say(admirer_client, shown)["id"]
    say(buyer_client, shown, "Just between us.", parent_id=comment)
    assert told(admirer_client)[0]["target"]["thumbnail_url"]
    session.execute(update(Generation).values(is_public=False))  # so that its notification stays
    session.commit()
    (notification,) = told(admirer_client)
    assert notification["target"]["thumbnail_url"] is None
    assert notification["target"]["excerpt"] is None
    assert notification["target"]["generation_id"] is None
    assert told(buyer_client)[0]["target"]["thumbnail_url"]


def test_notifications_of_a_hidden_image_are_left_to_its_owner(admirer_client, buyer_client, shown):
    comment = say(admirer_client, shown)["id"]
    say(buyer_client, shown, "Thank you.", parent_id=comment)
    assert told(admirer_client)
    buyer_client.patch(f"{API}/generations/{shown.id}", json={"is_public": False})
    assert told(admirer_client) == []
    assert told(buyer_client)


@pytest.fixture
def crowd(real_app, committed, storage):
    """A public image, really committed, and people who are signed in."""
    with committed() as session:
        image = making.generation(session, storage)
        session.execute(
            update(Generation).values(
                status="completed", is_public=True, image_key="images/1.png", image_sha256="a" * 64
            )
        )
        people = [making.user(session) for _ in range(10)]
        session.commit()
        return image, [signed_in_client(real_app, session, person) for person in people]


def check_counts(committed):
    """Every counter says what the rows say; return how many comments and replies there are."""
    with committed() as session:
        rows = session.execute(select(Comment.id, Comment.parent_id, Comment.reply_count)).all()
        parents = [row.parent_id for row in rows]
        assert session.scalar(select(Generation.comment_count)) == len(rows)
        assert {row.id: row.reply_count for row in rows} == {
            row.id: parents.count(row.id) for row in rows
        }
        return parents.count(None), len(rows) - parents.count(None)


def test_a_hundred_comments_in_parallel_are_counted_exactly(crowd, committed):
    image, clients = crowd
    parent = say(clients[0], image)["id"]
    calls = [
        lambda client=client, body=body: say(client, image, **body)["id"]
        for client in clients
        for body in [{}, {"parent_id": parent}] * 5
    ]
    assert len(set(at_once(*calls))) == 100
    assert check_counts(committed) == (51, 50)
    with committed() as session:
        moments = session.scalars(select(Comment.created_at).order_by(Comment.id)).all()
        assert moments == sorted(moments)


def test_deleting_a_comment_and_its_replies_and_replying_in_parallel_counts_exactly(
    crowd, committed
):
    image, (first, *others) = crowd

    def remove(client, comment):
        return client.delete(f"{API}/comments/{comment}").status_code

    def reply(client, to):
        body = {"content": "Wait!", "parent_id": to}
        return client.post(address(image), json=body).status_code

    parent, kept = say(first, image)["id"], say(first, image)["id"]
    replies = [say(client, image, parent_id=parent)["id"] for client in others]
    lonely = say(first, image, parent_id=kept)["id"]
    twice = [partial(remove, first, comment) for comment in (parent, parent, lonely, lonely)]
    removals = [partial(remove, *each) for each in zip(others, replies, strict=True)]
    late = [partial(reply, client, parent) for client in others]
    good = [partial(reply, client, kept) for client in others]
    results = at_once(*twice, *removals, *late, *good)
    assert sorted(results[:2]) == sorted(results[2:4]) == [204, 404]
    assert set(results[4:13]) <= {204, 404}
    assert set(results[13:22]) <= {201, 404}
    assert results[22:] == [201] * 9
    assert check_counts(committed) == (1, 9)
