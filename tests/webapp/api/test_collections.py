"""Collections over HTTP: who sees what, in which order, and how many there may be."""

import pytest
from sqlalchemy import func, insert, select, update

from tests import making
from tests.database import at_once
from tests.statements import plan_of
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.account import User
from webapp.domain.models.collection import Collection, CollectionPicture
from webapp.domain.models.generation import Generation
from webapp.domain.queries import collections as collection_queries
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import collections

COLLECTIONS = "/api/v1/collections"


@pytest.fixture
def wall(session, storage, style, finish):
    """Five public pictures of one buyer, by id."""
    owner = making.user(session, tokens=100)
    images = [making.order(session, owner, style)[0] for _ in range(5)]
    return [finish(image, is_public=True) for image in images]


def made(client, **fields):
    answer = client.post(COLLECTIONS, json={"name": "Harbours"} | fields)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{COLLECTIONS}/{answer.json['data']['id']}"
    return answer.json["data"]["id"]


def put(client, collection_id, image):
    return client.put(f"{COLLECTIONS}/{collection_id}/pictures/{image.id}")


def taken_out(client, collection_id, image):
    return client.delete(f"{COLLECTIONS}/{collection_id}/pictures/{image.id}")


def read(client, collection_id):
    return client.get(f"{COLLECTIONS}/{collection_id}")


def listed(client, collection_id, query=""):
    data = client.get(f"{COLLECTIONS}/{collection_id}/pictures{query}").json["data"]
    return [each["id"] for each in data["results"]], data["next_cursor"]


def walked(client, collection_id, query):
    """The pictures of each page of a collection."""
    pages, cursor = [], None
    while not pages or cursor:
        after = f"&cursor={cursor}" if cursor else ""
        ids, cursor = listed(client, collection_id, f"?{query}{after}")
        pages.append(ids)
    return pages


def test_a_collection_is_private_until_its_owner_makes_it_public(
    client, buyer_client, admirer_client, admin_client, admirer
):
    collection_id = made(admirer_client, description="Evenings at the sea")
    data = read(admirer_client, collection_id).json["data"]
    assert (data["name"], data["description"]) == ("Harbours", "Evenings at the sea")
    assert (data["is_public"], data["picture_count"], data["cover_url"]) == (False, 0, None)
    assert data["user"]["username"] == admirer.username
    for other in (client, buyer_client, admin_client):
        for path in (f"{COLLECTIONS}/{collection_id}", f"{COLLECTIONS}/{collection_id}/pictures"):
            refused = other.get(path)
            assert (refused.status_code, error_code(refused)) == (404, "COLLECTION_NOT_FOUND")
    changed = admirer_client.patch(f"{COLLECTIONS}/{collection_id}", json={"is_public": True})
    assert changed.json["data"]["is_public"] is True
    assert read(client, collection_id).json["data"]["name"] == "Harbours"
    assert listed(client, collection_id) == ([], None)


def test_only_what_is_given_is_changed(admirer_client):
    collection_id = made(admirer_client, description="Evenings", is_public=True)
    changes = [({"name": "Piers"}, ("Piers", "Evenings", True)),
               ({"description": ""}, ("Piers", "", True)),
               ({"is_public": False}, ("Piers", "", False))]  # fmt: skip
    for body, expected in changes:
        data = admirer_client.patch(f"{COLLECTIONS}/{collection_id}", json=body).json["data"]
        assert (data["name"], data["description"], data["is_public"]) == expected


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\u202eb", None])
def test_a_name_that_nobody_could_read_is_refused_at_its_field(admirer_client, name):
    collection_id = made(admirer_client)
    answers = [admirer_client.post(COLLECTIONS, json={"name": name})]
    if name is not None:
        path = f"{COLLECTIONS}/{collection_id}"
        answers.append(admirer_client.patch(path, json={"name": name}))
    for answer in answers:
        assert error_code(answer) == "VALIDATION_ERROR"
        assert list(answer.json["error"]["details"]["fields"]) == ["name"]


def test_a_repeated_post_makes_one_collection(admirer_client):
    headers = {"Idempotency-Key": "harbours-1"}
    answers = [
        admirer_client.post(COLLECTIONS, json={"name": "Harbours"}, headers=headers)
        for _ in range(2)
    ]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert answers[0].json["data"] == answers[1].json["data"]
    assert len(admirer_client.get(COLLECTIONS).json["data"]["results"]) == 1


def test_pictures_stand_in_the_order_in_which_they_were_added(admirer_client, wall):
    collection_id = made(admirer_client)
    order = [wall[place] for place in (3, 0, 4, 1)]
    for image in [*order, order[0]]:  # the last one is in it already, and stays in its place
        assert put(admirer_client, collection_id, image).status_code == 200
    newest_first = [image.id for image in order[::-1]]
    assert listed(admirer_client, collection_id) == (newest_first, None)
    assert listed(admirer_client, collection_id, "?sort=oldest") == (newest_first[::-1], None)
    assert walked(admirer_client, collection_id, "limit=3") == [newest_first[:3], newest_first[3:]]
    oldest = walked(admirer_client, collection_id, "limit=3&sort=oldest")
    assert oldest == [newest_first[:0:-1], newest_first[:1]]
    assert read(admirer_client, collection_id).json["data"]["picture_count"] == 4


def test_a_cursor_of_another_order_or_collection_is_refused(admirer_client, wall):
    first, second = made(admirer_client), made(admirer_client)
    for image in wall:
        put(admirer_client, first, image)
    _, cursor = listed(admirer_client, first, "?limit=2")
    for path in (f"{first}/pictures?sort=oldest&", f"{second}/pictures?"):
        refused = admirer_client.get(f"{COLLECTIONS}/{path}cursor={cursor}")
        assert error_code(refused) == "VALIDATION_ERROR"


def test_a_picture_is_taken_out_once(admirer_client, wall):
    collection_id = made(admirer_client)
    put(admirer_client, collection_id, wall[0])
    assert taken_out(admirer_client, collection_id, wall[0]).status_code == 204
    assert listed(admirer_client, collection_id) == ([], None)
    again = taken_out(admirer_client, collection_id, wall[0])
    assert (again.status_code, error_code(again)) == (404, "GENERATION_NOT_FOUND")


@pytest.mark.parametrize("columns", [{"is_public": False}, {"is_flagged": True}])
def test_what_others_may_no_longer_see_is_neither_shown_nor_counted(
    session, client, admirer_client, wall, columns
):
    collection_id = made(admirer_client, is_public=True)
    for image in wall:
        put(admirer_client, collection_id, image)
    gone = {wall[4].id, wall[2].id}
    session.execute(update(Generation).where(Generation.id.in_(gone)).values(**columns))
    session.commit()
    left = [wall[3].id, wall[1].id, wall[0].id]
    for viewer in (client, admirer_client):
        assert walked(viewer, collection_id, "limit=2") == [left[:2], left[2:]]
        # The end of a page tells nothing either: the rest may be hidden, or not there at all.
        assert walked(viewer, collection_id, "limit=3") == [left]
        data = read(viewer, collection_id).json["data"]
        assert data["picture_count"] == 3
        shown = read(viewer, collection_id).json["data"]["cover_url"].partition("?")[0]
        cards = viewer.get(f"{COLLECTIONS}/{collection_id}/pictures").json["data"]["results"]
        assert shown == cards[0]["thumbnail_url"].partition("?")[0]
    assert admirer_client.get(COLLECTIONS).json["data"]["results"][0]["picture_count"] == 3


def test_ones_own_private_picture_in_a_public_collection_is_seen_by_oneself_alone(
    session, client, admin_client, buyer_client, shown
):
    collection_id = made(buyer_client, is_public=True)
    put(buyer_client, collection_id, shown)
    assert listed(client, collection_id) == ([shown.id], None)
    session.execute(update(Generation).values(is_public=False))
    session.commit()
    for other in (client, admin_client):
        assert listed(other, collection_id) == ([], None)
        data = read(other, collection_id).json["data"]
        assert (data["picture_count"], data["cover_url"]) == (0, None)
    assert listed(buyer_client, collection_id) == ([shown.id], None)
    assert read(buyer_client, collection_id).json["data"]["picture_count"] == 1


def test_what_one_may_not_see_one_cannot_collect(
    admirer_client, buyer_client, admin_client, ordered, finish
):
    for client in (admirer_client, buyer_client):
        unfinished = put(client, made(client), ordered)
        assert (unfinished.status_code, error_code(unfinished)) == (404, "GENERATION_NOT_FOUND")
    finish(ordered)
    for other in (admirer_client, admin_client):
        assert error_code(put(other, made(other), ordered)) == "GENERATION_NOT_FOUND"
    assert put(buyer_client, made(buyer_client), ordered).status_code == 200
    nothing = buyer_client.put(f"{COLLECTIONS}/{made(buyer_client)}/pictures/404")
    assert error_code(nothing) == "GENERATION_NOT_FOUND"


@pytest.mark.parametrize("is_public, code", [(True, "FORBIDDEN"), (False, "COLLECTION_NOT_FOUND")])
def test_only_its_owner_changes_a_collection(
    admirer_client, buyer_client, admin_client, shown, is_public, code
):
    collection_id = made(admirer_client, is_public=is_public)
    put(admirer_client, collection_id, shown)
    path = f"{COLLECTIONS}/{collection_id}"
    for other in (buyer_client, admin_client):
        for answer in (
            other.patch(path, json={"name": "Mine"}),
            other.delete(path),
            put(other, collection_id, shown),
            taken_out(other, collection_id, shown),
        ):
            assert error_code(answer) == code
    data = read(admirer_client, collection_id).json["data"]
    assert (data["name"], data["picture_count"]) == ("Harbours", 1)


def test_a_visitor_makes_no_collection(client):
    for answer in (client.post(COLLECTIONS, json={"name": "Mine"}), client.get(COLLECTIONS)):
        assert error_code(answer) == "UNAUTHORIZED"


def test_a_deleted_collection_is_gone_and_its_pictures_stay(session, admirer_client, wall):
    collection_id = made(admirer_client, is_public=True)
    put(admirer_client, collection_id, wall[0])
    assert admirer_client.delete(f"{COLLECTIONS}/{collection_id}").status_code == 204
    for answer in (
        read(admirer_client, collection_id),
        admirer_client.delete(f"{COLLECTIONS}/{collection_id}"),
    ):
        assert error_code(answer) == "COLLECTION_NOT_FOUND"
    assert session.scalar(select(func.count()).select_from(CollectionPicture)) == 0
    assert admirer_client.get(f"/api/v1/generations/{wall[0].id}").status_code == 200


def test_own_collections_are_listed_the_newest_first(admirer_client, buyer_client):
    ids = [made(admirer_client, name=f"Number {number}") for number in range(3)]
    made(buyer_client)
    first = admirer_client.get(f"{COLLECTIONS}?limit=2").json["data"]
    rest = admirer_client.get(f"{COLLECTIONS}?limit=2&cursor={first['next_cursor']}").json["data"]
    assert [each["id"] for each in first["results"] + rest["results"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_the_collections_of_a_closed_account_are_closed(session, client, admirer_client, admirer):
    collection_id = made(admirer_client, is_public=True)
    assert read(client, collection_id).status_code == 200
    session.execute(update(User).where(User.id == admirer.id).values(is_active=False))
    session.commit()
    assert error_code(read(client, collection_id)) == "COLLECTION_NOT_FOUND"
    pictures = client.get(f"{COLLECTIONS}/{collection_id}/pictures")
    assert error_code(pictures) == "COLLECTION_NOT_FOUND"


# ── limits ────────────────────────────────────────────────────────────


def many_collections(session, user, count):
    rows = [{"user_id": user.id, "name": f"Number {number}"} for number in range(count)]
    session.execute(insert(Collection), rows)
    session.commit()


def public_of(client, person):
    data = client.get(f"/api/v1/users/{person.id}/collections").json["data"]
    return [each["id"] for each in data["results"]]


def test_public_collections_with_something_to_see_are_listed_for_everybody(
    session, client, admirer_client, admirer, wall
):
    first, second = (made(admirer_client, is_public=True) for _ in range(2))
    private, empty = made(admirer_client), made(admirer_client, is_public=True)
    for each in (first, second, private):
        put(admirer_client, each, wall[0])
    put(admirer_client, second, wall[1])
    assert empty not in public_of(client, admirer)
    for who in (client, admirer_client):  # for the owner too: the list is what others see
        assert public_of(who, admirer) == [second, first]
    one = update(Generation).where(Generation.id == wall[0].id)
    session.execute(one.values(is_public=False))
    session.commit()
    assert public_of(client, admirer) == [second]
    session.execute(update(User).where(User.id == admirer.id).values(is_active=False))
    session.commit()
    assert public_of(client, admirer) == []


def test_a_hidden_collection_is_its_owners_and_administrators(
    session, client, admirer_client, buyer_client, admin_client, admirer, wall
):
    hidden = made(admirer_client, is_public=True)
    put(admirer_client, hidden, wall[0])
    session.execute(update(Collection).values(is_flagged=True))
    session.commit()
    for who in (client, buyer_client):
        assert read(who, hidden).status_code == 404
        assert who.get(f"{COLLECTIONS}/{hidden}/pictures").status_code == 404
        assert public_of(who, admirer) == []
    changed = buyer_client.patch(f"{COLLECTIONS}/{hidden}", json={"name": "Mine"})
    assert (changed.status_code, error_code(changed)) == (404, "COLLECTION_NOT_FOUND")
    for who in (admirer_client, admin_client):
        assert read(who, hidden).json["data"]["is_hidden"] is True
        assert listed(who, hidden)[0] == [wall[0].id]
    # To make it private and public again does not show it.
    for is_public in (False, True):
        admirer_client.patch(f"{COLLECTIONS}/{hidden}", json={"is_public": is_public})
    assert read(client, hidden).status_code == 404


def test_administrators_hide_a_collection_and_show_it_again(
    client, admirer_client, buyer_client, admin_client, admirer, wall
):
    public = made(admirer_client, is_public=True)
    private = made(admirer_client, name="Secret")
    put(admirer_client, public, wall[0])
    address = f"/api/v1/admin/collections/{public}"
    [each] = admin_client.get("/api/v1/admin/collections").json["data"]["results"]
    assert (each["id"], each["name"], each["user"]["id"]) == (public, "Harbours", admirer.id)
    for is_flagged, status in ((True, 404), (False, 200)):
        body = {"is_flagged": is_flagged, "reason": "Seen by two people."}
        changed = admin_client.patch(address, json=body)
        assert changed.json["data"]["is_flagged"] is is_flagged
        assert read(client, public).status_code == status
    assert buyer_client.patch(address, json={"is_flagged": True}).status_code == 403
    missing = admin_client.patch(f"/api/v1/admin/collections/{10**9}", json=body)
    assert error_code(missing) == "COLLECTION_NOT_FOUND"
    assert read(admin_client, private).status_code == 404


def test_there_are_so_many_collections_and_no_more(session, admirer, admirer_client):
    many_collections(session, admirer, collections.MAX_COLLECTIONS - 1)
    last = made(admirer_client)
    refused = admirer_client.post(COLLECTIONS, json={"name": "Too many"})
    assert (refused.status_code, error_code(refused)) == (409, "COLLECTION_LIMIT_REACHED")
    assert refused.json["error"]["details"] == {
        "limit": 100,
        "fields": {"name": ["At most 100 collections."]},
    }
    admirer_client.delete(f"{COLLECTIONS}/{last}")
    made(admirer_client)


def test_a_collection_holds_so_many_pictures_and_no_more(
    monkeypatch, session, admirer_client, wall
):
    monkeypatch.setattr(collections, "MAX_PICTURES", 2)
    collection_id = made(admirer_client)
    for image in wall[:2]:
        put(admirer_client, collection_id, image)
    session.execute(update(Generation).where(Generation.id == wall[0].id).values(is_public=False))
    session.commit()
    refused = put(admirer_client, collection_id, wall[2])
    assert (refused.status_code, error_code(refused)) == (409, "COLLECTION_FULL")
    details = refused.json["error"]["details"]
    assert (details["id"], details["limit"]) == (collection_id, 2)
    [text] = details["fields"]["generation_id"]
    assert text.startswith("A collection holds at most 2 pictures")
    assert put(admirer_client, collection_id, wall[1]).status_code == 200  # in it already
    assert listed(admirer_client, collection_id) == ([wall[1].id], None)
    taken_out(admirer_client, collection_id, wall[0])  # out of sight, and yet it can be taken out
    assert put(admirer_client, collection_id, wall[2]).status_code == 200


def test_requests_in_parallel_never_pass_a_limit(real_app, committed, storage, monkeypatch):
    monkeypatch.setattr(collections, "MAX_PICTURES", 3)
    with committed() as session:
        images = [making.generation(session, storage) for _ in range(8)]
        session.execute(
            update(Generation).values(
                status="completed", is_public=True, image_key="images/1.png", image_sha256="a" * 64
            )
        )
        person = making.user(session)
        many_collections(session, person, collections.MAX_COLLECTIONS - 2)
        client = signed_in_client(real_app, session, person)
        image_ids = [image.id for image in images]
        collection_id = session.scalar(select(func.max(Collection.id)))

    def create():
        return client.post(COLLECTIONS, json={"name": "More"}).status_code

    def putting(image_id):
        path = f"{COLLECTIONS}/{collection_id}/pictures/{image_id}"
        return lambda: client.put(path).status_code

    assert sorted(at_once(*[create] * 6)) == [201] * 2 + [409] * 4
    assert sorted(at_once(*map(putting, image_ids))) == [200] * 3 + [409] * 5
    with committed() as session:
        counted = select(func.count())
        assert session.scalar(counted.select_from(Collection)) == collections.MAX_COLLECTIONS
        assert session.scalar(counted.select_from(CollectionPicture)) == 3


# ── several at once, for one picture ──────────────────────────────────


def held(session, admirer, image):
    found = collection_queries.choices(session, user_id=admirer.id, generation_id=image.id)
    return {each.name for each in found if each.has_picture}


def test_one_choice_puts_in_and_takes_out(session, admirer, admirer_client, wall):
    first, second, third = (made(admirer_client, name=name) for name in ("A", "B", "C"))
    put(admirer_client, first, wall[0])
    put(admirer_client, third, wall[0])
    collections.choose(
        session,
        user=admirer,
        generation_id=wall[0].id,
        chosen_ids=[second],
        offered_ids=[first, second],
        new_name="D",
    )
    session.commit()
    # C was not offered: what somebody did meanwhile in another window stays.
    assert held(session, admirer, wall[0]) == {"B", "C", "D"}


# ── indexes ───────────────────────────────────────────────────────────


def test_collections_and_their_pictures_are_read_in_the_order_of_their_indexes(
    session, storage, admirer
):
    page, viewer = PageRequest(), Viewer(admirer.id)
    made_id = collections.create(session, user=admirer, name="Harbours")
    for is_oldest_first in (False, True):
        plan = plan_of(
            session,
            lambda is_oldest_first=is_oldest_first: collection_queries.pictures(
                session,
                storage,
                collection_id=made_id,
                viewer=viewer,
                is_oldest_first=is_oldest_first,
                page=page,
            ),
        )
        assert "ix_collection_pictures_newest" in plan
    plan = plan_of(
        session, lambda: collection_queries.own(session, storage, user_id=admirer.id, page=page)
    )
    assert "ix_collections_user" in plan
