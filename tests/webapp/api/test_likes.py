import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.database import at_once
from tests.statements import plan_of
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.generation import Generation
from webapp.domain.models.like import Like
from webapp.domain.queries import liked as liked_queries
from webapp.domain.queries.pagination import PageRequest

GENERATIONS = "/api/v1/generations"


def address(image):
    return f"{GENERATIONS}/{image.id}/like"


def seen(client, image):
    data = client.get(f"{GENERATIONS}/{image.id}").json["data"]
    (card,) = client.get(f"{GENERATIONS}/feed").json["data"]["results"]
    for view in (data, card):
        assert (view["is_liked"], view["like_count"]) == (data["is_liked"], data["like_count"])
    return data["is_liked"], data["like_count"]


def test_a_like_is_counted_and_shown_to_who_likes(admirer_client, buyer_client, client, shown):
    answer = admirer_client.post(address(shown))
    assert answer.status_code == 201
    assert answer.json["data"] == {"is_liked": True, "like_count": 1}
    assert answer.headers["Location"] == f"{GENERATIONS}/{shown.id}"
    assert seen(admirer_client, shown) == (True, 1)
    assert seen(buyer_client, shown) == (False, 1)
    assert seen(client, shown) == (False, 1)


def test_a_second_like_is_a_conflict_and_counts_nothing(admirer_client, shown):
    admirer_client.post(address(shown))
    answer = admirer_client.post(address(shown))
    assert (answer.status_code, error_code(answer)) == (409, "DUPLICATE_LIKE")
    assert answer.json["error"]["details"] == {"generation_id": shown.id}
    assert seen(admirer_client, shown) == (True, 1)


def test_a_like_is_taken_back_however_often(admirer_client, shown):
    admirer_client.post(address(shown))
    for _ in range(2):
        assert admirer_client.delete(address(shown)).status_code == 204
        assert seen(admirer_client, shown) == (False, 0)


def test_the_other_name_takes_turns(admirer_client, shown):
    for is_liked, count in ((True, 1), (False, 0), (True, 1)):
        answer = admirer_client.post(f"/api/v1/images/{shown.id}/like")
        assert answer.status_code == 200
        assert answer.json["data"] == {"is_liked": is_liked, "like_count": count}


def test_its_owner_is_told_once_by_whom(admirer_client, admirer, buyer_client, shown, style):
    for _ in range(3):
        admirer_client.post(f"/api/v1/images/{shown.id}/like")
    told = buyer_client.get("/api/v1/notifications").json["data"]["results"]
    (like,) = [each for each in told if each["type"] == "like"]
    assert like["actor"] == {
        "id": admirer.id,
        "username": admirer.username,
        "display_name": admirer.username,
        "profile_image": None,
    }
    assert like["target_id"] == shown.id
    assert like["message"] == f"{admirer.username} likes your picture in “{style.name}”."


def test_liking_ones_own_image_tells_nobody(buyer_client, shown):
    assert buyer_client.post(address(shown)).status_code == 201
    told = buyer_client.get("/api/v1/notifications").json["data"]["results"]
    assert [each["type"] for each in told] == ["generation_complete"]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_what_one_may_not_see_one_cannot_like(
    admirer_client, buyer_client, ordered, finish, method
):
    for image_id in (ordered.id, 404):
        answer = admirer_client.open(f"{GENERATIONS}/{image_id}/like", method=method)
        assert (answer.status_code, error_code(answer)) == (404, "GENERATION_NOT_FOUND")
    unfinished = buyer_client.open(address(ordered), method=method)
    assert error_code(unfinished) == "GENERATION_NOT_FOUND"
    finish(ordered)
    hidden = admirer_client.open(address(ordered), method=method)
    assert error_code(hidden) == "GENERATION_NOT_FOUND"
    assert buyer_client.open(address(ordered), method=method).status_code in {201, 204}


@pytest.mark.parametrize("path", ["generations", "images"])
def test_strangers_cannot_like(client, shown, path):
    answer = client.post(f"/api/v1/{path}/{shown.id}/like")
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")


def test_a_hundred_likes_in_parallel_are_counted_exactly(real_app, committed, storage):
    with committed() as session:
        image = making.generation(session, storage)
        session.execute(
            update(Generation).values(
                status="completed", is_public=True, image_key="images/1.png", image_sha256="a" * 64
            )
        )
        people = [making.user(session) for _ in range(50)]
        session.commit()
        clients = [signed_in_client(real_app, session, person) for person in people]
        image_id = image.id
    path = f"{GENERATIONS}/{image_id}/like"
    calls = [lambda client=client: client.post(path).status_code for client in clients * 2]
    assert sorted(at_once(*calls)) == [201] * 50 + [409] * 50
    with committed() as session:
        assert session.scalar(select(Generation.like_count)) == 50
        assert session.scalar(select(func.count()).select_from(Like)) == 50


# ── what one likes ───────────────────────────────────────────────────────────────────────────

LIKED = f"{GENERATIONS}/liked"


@pytest.fixture
def wall(session, storage, style, finish):
    """Five public pictures of one buyer, by id."""
    owner = making.user(session, tokens=100)
    images = [making.order(session, owner, style)[0] for _ in range(5)]
    return [finish(image, is_public=True) for image in images]


def liked(client, query=""):
    data = client.get(f"{LIKED}{query}").json["data"]
    return [each["id"] for each in data["results"]], data["next_cursor"]


def walked(client, limit):
    """The pictures of each page of the list."""
    pages, cursor = [], None
    while not pages or cursor:
        after = f"&cursor={cursor}" if cursor else ""
        ids, cursor = liked(client, f"?limit={limit}{after}")
        pages.append(ids)
    return pages


def test_the_pictures_that_one_likes_are_listed_the_newest_like_first(admirer_client, wall):
    order = [wall[place] for place in (3, 0, 4, 1)]
    for image in order:
        admirer_client.post(address(image))
    assert liked(admirer_client) == ([image.id for image in order[::-1]], None)
    [first] = admirer_client.get(f"{LIKED}?limit=1").json["data"]["results"]
    assert (first["is_liked"], first["like_count"]) == (True, 1)
    assert walked(admirer_client, 3) == [
        [image.id for image in order[:0:-1]],
        [order[0].id],
    ]


def test_an_unliked_picture_leaves_the_list(admirer_client, wall):
    admirer_client.post(address(wall[0]))
    admirer_client.delete(address(wall[0]))
    assert liked(admirer_client) == ([], None)


@pytest.mark.parametrize("columns", [{"is_public": False}, {"is_flagged": True}])
def test_a_picture_that_one_may_no_longer_see_leaves_no_gap(session, admirer_client, wall, columns):
    for image in wall:
        admirer_client.post(address(image))
    gone = {wall[4].id, wall[2].id}
    session.execute(update(Generation).where(Generation.id.in_(gone)).values(**columns))
    session.commit()
    assert walked(admirer_client, 2) == [[wall[3].id, wall[1].id], [wall[0].id]]
    # The end of a page tells nothing either: the rest may be hidden, or not there at all.
    assert walked(admirer_client, 3) == [[wall[3].id, wall[1].id, wall[0].id]]


def test_ones_own_liked_picture_stays_when_it_is_private(session, buyer_client, shown):
    buyer_client.post(address(shown))
    session.execute(update(Generation).values(is_public=False))
    session.commit()
    assert liked(buyer_client) == ([shown.id], None)


def test_the_likes_of_another_are_nobodys_business(client, buyer_client, admirer_client, shown):
    admirer_client.post(address(shown))
    assert liked(buyer_client) == ([], None)
    assert error_code(client.get(LIKED)) == "UNAUTHORIZED"
    cursor = "WyJmb3JlaWduIiwxXQ"
    assert error_code(buyer_client.get(f"{LIKED}?cursor={cursor}")) == "VALIDATION_ERROR"


def test_liked_pictures_are_read_in_the_order_of_their_index(session, storage, admirer):
    plan = plan_of(
        session,
        lambda: liked_queries.pictures(session, storage, user_id=admirer.id, page=PageRequest()),
    )
    assert "ix_likes_user" in plan
