"""The pages of collections, and the form that puts a picture into them."""

import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.collection import Collection, CollectionPicture
from webapp.domain.models.generation import Generation
from webapp.domain.services import collections

HTMX = {"HX-Request": "true"}


@pytest.fixture
def collection_id(session, buyer):
    made = collections.create(session, user=buyer, name="Harbours", description="At the sea")
    session.commit()
    return made


@pytest.fixture
def filled(session, buyer, style, finish, collection_id):
    """A collection of 22 public pictures of somebody else, the first added first."""
    owner = making.user(session, tokens=500)
    images = [finish(making.order(session, owner, style)[0], is_public=True) for _ in range(22)]
    for image in images:
        collections.add(session, user=buyer, collection_id=collection_id, generation_id=image.id)
    session.commit()
    return images


def shown(page):
    return [
        int(each["id"].removeprefix("picture-"))
        for each in page.all("li")
        if each.get("id", "").startswith("picture-")
    ]


def publish(session, collection_id):
    session.execute(update(Collection).where(Collection.id == collection_id).values(is_public=True))
    session.commit()


def names(session):
    return list(session.scalars(select(Collection.name).order_by(Collection.id)))


# ── the page of a collection ──────────────────────────────────────────


def test_a_public_collection_is_a_page_for_visitors(session, client, buyer, filled, collection_id):
    publish(session, collection_id)
    newest_first = [image.id for image in filled[::-1]]
    page = Page(client.get(f"/collections/{collection_id}"))
    assert shown(page) == newest_first[:20]
    for words in ("Harbours", "At the sea", f"Collection by {buyer.username}", "22 pictures"):
        assert words in page.text
    assert f"/users/{buyer.id}" in page.links()
    assert page.own_code() == []
    assert page.all("form", action=f"/collections/{collection_id}") == []
    [more] = [link for link in page.links() if "cursor=" in link]
    assert shown(Page(client.get(more))) == newest_first[20:]
    piece = Page(client.get(more, headers=HTMX))
    assert (shown(piece), piece.all("html")) == (newest_first[20:], [])
    oldest = Page(client.get(f"/collections/{collection_id}?sort=oldest"))
    assert shown(oldest) == newest_first[:1:-1]
    [more] = [link for link in oldest.links() if "cursor=" in link]
    assert shown(Page(client.get(more))) == newest_first[1::-1]


def test_a_private_collection_is_not_found_by_others(
    client, artist_client, admin_client, buyer_client, filled, collection_id
):
    for other in (client, artist_client, admin_client):
        assert other.get(f"/collections/{collection_id}").status_code == 404
    page = Page(buyer_client.get(f"/collections/{collection_id}"))
    assert "Private" in page.text
    assert len(shown(page)) == 20


def test_visitors_see_neither_a_hidden_picture_nor_that_there_is_one(
    session, client, filled, collection_id
):
    publish(session, collection_id)
    gone = [image.id for image in filled[1:]]
    session.execute(update(Generation).where(Generation.id.in_(gone)).values(is_flagged=True))
    session.commit()
    page = Page(client.get(f"/collections/{collection_id}"))
    assert shown(page) == [filled[0].id]
    assert "1 picture" in page.text
    session.execute(update(Generation).values(is_public=False))
    session.commit()
    page = Page(client.get(f"/collections/{collection_id}"))
    assert shown(page) == []
    assert "There are no public pictures in this collection." in page.text


def test_its_owner_renames_describes_and_publishes_it(session, buyer_client, collection_id):
    data = {"name": "Piers", "description": "Two of them", "is_public": "1"}
    answer = buyer_client.post(f"/collections/{collection_id}", data=data)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/collections/{collection_id}",
    )
    page = Page(buyer_client.get(f"/collections/{collection_id}"))
    assert "Piers" in page.text
    assert "Two of them" in page.text
    assert page.all("input", name="is_public")[0]["checked"] == ""
    # A box that is not checked is not sent.
    buyer_client.post(f"/collections/{collection_id}", data={"name": "Piers"})
    page = Page(buyer_client.get(f"/collections/{collection_id}"))
    assert "checked" not in page.all("input", name="is_public")[0]
    assert "Two of them" not in page.text


def test_what_is_refused_stays_in_the_form_with_its_reason(buyer_client, collection_id):
    data = {"name": " ", "description": "x" * 501, "is_public": "1"}
    answer = buyer_client.post(f"/collections/{collection_id}", data=data)
    page = Page(answer)
    assert answer.status_code == 422
    assert "Please enter a name of 1 to 80 visible characters." in page.text
    assert "At most 500 characters." in page.text
    assert page.all("input", name="name")[0]["aria-invalid"] == "true"
    assert page.all("input", name="is_public")[0]["checked"] == ""
    assert "Harbours" in page.text


def test_its_owner_takes_a_picture_out_with_and_without_scripts(
    buyer_client, filled, collection_id
):
    path = f"/collections/{collection_id}/pictures/{{}}/remove"
    for _ in range(2):  # sent twice
        answer = buyer_client.post(path.format(filled[-1].id))
        assert answer.headers["Location"] == f"/collections/{collection_id}"
    piece = Page(buyer_client.post(path.format(filled[-2].id), headers=HTMX))
    assert (piece.text, piece.all("html")) == ("20 pictures", [])
    assert piece.all("span", id="collection-count")[0]["hx-swap-oob"] == "true"
    page = Page(buyer_client.get(f"/collections/{collection_id}"))
    assert shown(page)[0] == filled[-3].id


def test_its_owner_deletes_it(session, buyer_client, filled, collection_id):
    answer = buyer_client.post(f"/collections/{collection_id}/delete")
    assert answer.headers["Location"] == "/me?state=collections"
    assert buyer_client.get(f"/collections/{collection_id}").status_code == 404
    assert session.scalar(select(func.count()).select_from(CollectionPicture)) == 0


def test_another_can_do_none_of_it(session, client, artist_client, filled, collection_id):
    publish(session, collection_id)
    for path in ("", "/delete", f"/pictures/{filled[0].id}/remove"):
        address = f"/collections/{collection_id}{path}"
        assert artist_client.post(address, data={"name": "Mine"}).status_code == 403
        assert client.post(address, data={"name": "Mine"}).status_code == 302  # to sign in
    assert names(session) == ["Harbours"]


def test_another_site_can_do_none_of_it(session, buyer_client, shown_image, collection_id):
    buyer_client.csrf_token = None
    for path in (
        "/collections",
        f"/collections/{collection_id}",
        f"/collections/{collection_id}/delete",
        f"/g/{shown_image.id}/collections",
    ):
        data = {"csrf_token": "forged", "name": "Mine"}
        assert buyer_client.post(path, data=data).status_code == 403
    assert names(session) == ["Harbours"]


# ── the tab of one's own collections ──────────────────────────────────


def test_ones_collections_have_a_tab_with_covers_and_numbers(
    buyer_client, artist_client, filled, collection_id
):
    assert buyer_client.get("/collections").headers["Location"] == "/me?state=collections"
    page = Page(buyer_client.get("/me?state=collections"))
    assert f"/collections/{collection_id}" in page.links()
    assert "22 pictures" in page.text
    assert page.own_code() == []
    other = Page(artist_client.get("/me?state=collections"))
    assert f"/collections/{collection_id}" not in other.links()
    assert "You have no collections yet." in other.text


def test_many_collections_come_page_by_page(session, buyer, buyer_client):
    ids = [collections.create(session, user=buyer, name=f"Number {n}") for n in range(22)]
    session.commit()
    page = Page(buyer_client.get("/me?state=collections"))
    [more] = [link for link in page.links() if "cursor=" in link]
    piece = Page(buyer_client.get(more, headers=HTMX))
    assert [f"/collections/{each}" for each in (ids[1], ids[0])] == piece.links()
    assert piece.all("html") == []


def test_a_form_sent_twice_makes_one_collection(session, buyer_client):
    [key] = Page(buyer_client.get("/me?state=collections")).all("input", name="idempotency_key")
    data = {"name": "Harbours", "idempotency_key": key["value"]}
    answers = [buyer_client.post("/collections", data=data) for _ in range(2)]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert buyer_client.get(answers[0].headers["Location"]).status_code == 200
    assert names(session) == ["Harbours"]


def test_a_new_collection_needs_a_name_and_room(monkeypatch, session, buyer_client):
    answer = buyer_client.post("/collections", data={"name": "  "})
    assert answer.status_code == 422
    assert "Please enter a name of 1 to 80 visible characters." in Page(answer).text
    monkeypatch.setattr(collections, "MAX_COLLECTIONS", 0)
    answer = buyer_client.post("/collections", data={"name": "Harbours"})
    assert answer.status_code == 409
    assert "Delete one first." in Page(answer).text
    assert Page(answer).all("input", name="name")[0]["value"] == "Harbours"
    assert names(session) == []


# ── from a picture ────────────────────────────────────────────────────


@pytest.fixture
def shown_image(session, style, finish):
    owner = making.user(session, tokens=100)
    return finish(making.order(session, owner, style)[0], is_public=True)


def checked(page):
    return {
        int(each["value"])
        for each in page.all("input", type="checkbox", name="collection")
        if "checked" in each
    }


def test_a_picture_is_added_to_collections_old_and_new_by_a_plain_form(
    session, buyer, buyer_client, shown_image, collection_id
):
    path = f"/g/{shown_image.id}/collections"
    assert path in Page(buyer_client.get(f"/g/{shown_image.id}")).links()
    page = Page(buyer_client.get(path))
    assert checked(page) == set()
    assert page.own_code() == []
    data = {"offered": [collection_id], "collection": [collection_id], "name": "Piers"}
    answer = buyer_client.post(path, data=data)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/g/{shown_image.id}")
    page = Page(buyer_client.get(path))
    offered = [int(each["value"]) for each in page.all("input", name="offered")]
    assert checked(page) == set(offered)
    assert names(session) == ["Harbours", "Piers"]
    buyer_client.post(path, data={"offered": offered, "collection": [collection_id]})
    assert checked(Page(buyer_client.get(path))) == {collection_id}


def test_in_a_dialog_the_form_answers_with_where_the_picture_is(
    buyer_client, shown_image, collection_id
):
    path = f"/g/{shown_image.id}/collections"
    piece = Page(buyer_client.get(path, headers=HTMX))
    assert piece.all("html") == []
    data = {"offered": [collection_id], "collection": [collection_id], "name": ""}
    piece = Page(buyer_client.post(path, data=data, headers=HTMX))
    assert "Saved. This picture is in: Harbours" in piece.text
    data.pop("collection")
    piece = Page(buyer_client.post(path, data=data, headers=HTMX))
    assert "Saved. This picture is in none of your collections." in piece.text


def test_a_refused_choice_stays_as_it_was_made(
    monkeypatch, session, buyer_client, shown_image, collection_id
):
    path = f"/g/{shown_image.id}/collections"
    data = {"offered": [collection_id], "collection": [collection_id], "name": "x" * 81}
    answer = buyer_client.post(path, data=data)
    assert answer.status_code == 422
    page = Page(answer)
    assert "Please enter a name of 1 to 80 visible characters." in page.text
    assert checked(page) == {collection_id}
    assert page.all("input", id="collection-name")[0]["value"] == "x" * 81
    monkeypatch.setattr(collections, "MAX_PICTURES", 0)
    answer = buyer_client.post(path, data=data | {"name": ""}, headers=HTMX)
    assert answer.status_code == 409
    assert "“Harbours” is full" in Page(answer).text
    assert session.scalar(select(func.count()).select_from(CollectionPicture)) == 0


def test_what_cannot_be_collected_is_not_found(
    session, client, buyer_client, artist_client, shown_image, collection_id
):
    path = f"/g/{shown_image.id}/collections"
    of_another = {"offered": [], "collection": [collection_id]}
    for other_id in (collection_id, 10**30, 0):
        data = of_another | {"collection": [other_id]}
        assert artist_client.post(path, data=data).status_code in {303, 404}
    assert session.scalar(select(func.count()).select_from(CollectionPicture)) == 0
    session.execute(update(Generation).values(is_public=False))
    session.commit()
    assert buyer_client.get(path).status_code == 404
    assert buyer_client.post(path, data=of_another).status_code == 404
    assert client.get(path).headers["Location"] == f"/login?next={path}"
