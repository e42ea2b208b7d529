import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.database import at_once
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.account import User
from webapp.domain.models.follow import Follow

API = "/api/v1"
FOLLOWING = f"{API}/users/me/following"


def address(person_id):
    return f"{API}/users/{person_id}/follow"


def seen(client, person_id):
    profile = client.get(f"{API}/users/{person_id}").json["data"]
    return profile["is_following"], profile["artist"]["follower_count"]


def told(client):
    results = client.get(f"{API}/notifications").json["data"]["results"]
    return [each for each in results if each["type"] == "follow"]


def test_a_follow_is_counted_and_shown_to_who_follows(buyer_client, client, artist):
    answer = buyer_client.post(address(artist.user_id))
    assert answer.status_code == 201
    assert answer.json["data"] == {"is_following": True, "follower_count": 1}
    assert answer.headers["Location"] == address(artist.user_id)
    assert seen(buyer_client, artist.user_id) == (True, 1)
    assert seen(client, artist.user_id) == (None, 1)


def test_a_second_follow_is_a_conflict_and_counts_nothing(buyer_client, artist):
    buyer_client.post(address(artist.user_id))
    answer = buyer_client.post(address(artist.user_id))
    assert (answer.status_code, error_code(answer)) == (409, "DUPLICATE_FOLLOW")
    assert answer.json["error"]["details"] == {"user_id": artist.user_id}
    assert seen(buyer_client, artist.user_id) == (True, 1)


def test_a_follow_is_taken_back_however_often(buyer_client, artist):
    buyer_client.post(address(artist.user_id))
    for _ in range(2):
        assert buyer_client.delete(address(artist.user_id)).status_code == 204
        assert seen(buyer_client, artist.user_id) == (False, 0)


def test_the_other_name_takes_turns(buyer_client, artist):
    for is_following, count in ((True, 1), (False, 0), (True, 1)):
        answer = buyer_client.post(f"{API}/artists/{artist.user_id}/follow")
        assert answer.status_code == 200
        assert answer.json["data"] == {"is_following": is_following, "follower_count": count}


def test_nobody_follows_oneself(buyer_client, buyer):
    for path in (address(buyer.id), f"{API}/artists/{buyer.id}/follow"):
        answer = buyer_client.post(path)
        assert (answer.status_code, error_code(answer)) == (400, "SELF_FOLLOW_NOT_ALLOWED")
        assert answer.json["error"]["details"] == {}
    assert buyer_client.delete(address(buyer.id)).status_code == 204


def test_who_is_not_there_is_not_found(buyer_client, session, admirer):
    session.execute(update(User).where(User.id == admirer.id).values(is_active=False))
    session.commit()
    for person_id in (admirer.id, 10**9, 10**30):
        for method, path in (
            ("POST", address(person_id)),
            ("DELETE", address(person_id)),
            ("POST", f"{API}/artists/{person_id}/follow"),
        ):
            answer = buyer_client.open(path, method=method)
            assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")
            assert answer.json["error"]["details"]["resource"] == "user"


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "users/1/follow"),
        ("DELETE", "users/1/follow"),
        ("POST", "artists/1/follow"),
        ("GET", "users/me/following"),
        ("GET", "users/following"),
    ],
)
def test_strangers_follow_nobody(client, method, path):
    answer = client.open(f"{API}/{path}", method=method)
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")


def test_the_followed_are_told_once_by_whom(buyer_client, buyer, artist_client, artist):
    for _ in range(3):
        buyer_client.post(f"{API}/artists/{artist.user_id}/follow")
    (follow,) = told(artist_client)
    expected = {
        "actor": {
            "id": buyer.id,
            "username": buyer.username,
            "display_name": buyer.username,
            "profile_image": None,
        },
        "target_type": "user",
        "target_id": buyer.id,
        "target": {
            "title": buyer.username,
            "thumbnail_url": None,
            "excerpt": None,
            "generation_id": None,
        },
        "message": f"{buyer.username} follows you.",
    }
    assert {name: follow[name] for name in expected} == expected
    assert told(buyer_client) == []


def test_whom_one_follows_is_listed_the_latest_first(buyer_client, session, artist, admirer):
    for person_id in (artist.user_id, admirer.id):
        buyer_client.post(address(person_id))
    data = buyer_client.get(FOLLOWING).json["data"]
    assert buyer_client.get("/api/users/following").json["data"] == data
    latest, first = data["results"]
    assert latest == {
        "id": admirer.id,
        "username": admirer.username,
        "display_name": admirer.username,
        "profile_image": None,
        "role": "user",
        "artist_name": None,
        "follower_count": 1,
        "followed_at": latest["followed_at"],
    }
    assert (first["id"], first["role"]) == (artist.user_id, "artist")
    assert first["artist_name"] == artist.artist_name
    assert first["followed_at"] <= latest["followed_at"]
    session.execute(update(User).where(User.id == admirer.id).values(is_active=False))
    session.commit()
    (left,) = buyer_client.get(FOLLOWING).json["data"]["results"]
    assert left["id"] == artist.user_id


def test_the_list_goes_page_by_page_and_is_nobody_elses(
    buyer_client, admirer_client, session, artist
):
    people = [making.user(session).id for _ in range(5)]
    session.commit()
    for person_id in people:
        buyer_client.post(address(person_id))
    # Whom one follows in one moment is told apart by the id.
    session.execute(update(Follow).values(created_at=making.jobs.NOW))
    session.commit()
    ids, cursor = [], ""
    for size in (2, 2, 1):
        page = buyer_client.get(f"{FOLLOWING}?limit=2{cursor}").json["data"]
        assert len(page["results"]) == size
        ids += [each["id"] for each in page["results"]]
        buyer_client.post(f"{API}/artists/{artist.user_id}/follow")  # is in no later page
        if page["has_more"]:
            cursor = f"&cursor={page['next_cursor']}"
            others = admirer_client.get(f"{FOLLOWING}?limit=2{cursor}")
            assert error_code(others) == "VALIDATION_ERROR"
    assert (ids, page["has_more"]) == (people[::-1], False)
    assert admirer_client.get(FOLLOWING).json["data"]["results"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=xyz"])
def test_a_wrong_query_is_refused(buyer_client, query):
    answer = buyer_client.get(f"{FOLLOWING}?{query}")
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def test_the_styles_of_followed_artists_are_a_list_of_their_own(
    buyer_client, client, session, style
):
    making.style(session)
    session.commit()
    assert error_code(client.get(f"{API}/styles?following=true")) == "UNAUTHORIZED"
    assert buyer_client.get(f"{API}/styles?following=true").json["data"]["results"] == []
    buyer_client.post(address(style.artist_id))
    (card,) = buyer_client.get(f"{API}/styles?following=true").json["data"]["results"]
    assert (card["id"], card["artist"]["follower_count"]) == (style.id, 1)


def test_the_followed_feed_holds_what_people_made_and_what_was_made_in_their_styles(
    client, admirer_client, session, buyer, style, shown, finish
):
    somebody = making.user(session)
    other = making.style(session)
    by_them = finish(making.order(session, buyer, other)[0], is_public=True)
    in_style = finish(making.order(session, somebody, style)[0], is_public=True)
    finish(making.order(session, somebody, other)[0], is_public=True)
    finish(making.order(session, buyer, style)[0])  # private

    def feed(query=""):
        path = f"{API}/generations/feed?following=true{query}"
        return [each["id"] for each in admirer_client.get(path).json["data"]["results"]]

    assert error_code(client.get(f"{API}/generations/feed?following=true")) == "UNAUTHORIZED"
    assert feed() == []
    admirer_client.post(address(buyer.id))
    assert feed() == [by_them.id, shown.id]
    admirer_client.post(address(style.artist_id))
    assert feed() == [in_style.id, by_them.id, shown.id]
    assert feed("&sort=popular") == [in_style.id, by_them.id, shown.id]
    assert feed(f"&style_id={style.id}") == [in_style.id, shown.id]
    admirer_client.delete(address(buyer.id))
    assert feed() == [in_style.id, shown.id]


def test_a_hundred_follows_in_parallel_are_counted_exactly(real_app, committed):
    with committed() as session:
        person = making.user(session)
        people = [making.user(session) for _ in range(50)]
        session.commit()
        clients = [signed_in_client(real_app, session, each) for each in people]
    path = address(person.id)
    calls = [lambda client=client: client.post(path).status_code for client in clients * 2]
    assert sorted(at_once(*calls)) == [201] * 50 + [409] * 50
    with committed() as session:
        assert session.get(User, person.id).follower_count == 50
        assert session.scalar(select(func.count()).select_from(Follow)) == 50


def test_two_who_take_turns_with_each_other_at_once_are_counted_exactly(real_app, committed):
    with committed() as session:
        pair = [making.user(session) for _ in range(2)]
        session.commit()
        clients = [signed_in_client(real_app, session, each) for each in pair]
    calls = [
        lambda client=client, other=other: client.post(f"{API}/artists/{other.id}/follow")
        for client, other in zip(clients, pair[::-1], strict=True)
    ]
    answers = at_once(*calls * 10)
    assert [answer.status_code for answer in answers] == [200] * 20
    with committed() as session:
        for person in pair:
            followers = session.scalars(
                select(Follow.follower_id).where(Follow.followed_id == person.id)
            ).all()
            assert session.get(User, person.id).follower_count == len(followers)
