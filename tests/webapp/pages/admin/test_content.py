from urllib.parse import quote

import pytest
from sqlalchemy import select

from tests import making
from tests.webapp.pages.admin.conftest import REASON
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate
from webapp.domain.models.style import Style
from webapp.domain.services import names


def offered(client, address, action):
    """The acts that the forms of one row offer."""
    page = Page(client.get(address))
    found, inside = [], False
    for name, attributes in page.elements:
        if name == "form":
            inside = attributes.get("action") == action
        if name == "input" and attributes.get("name") == "action" and inside:
            found.append(attributes["value"])
    return found


def shown(client, address):
    return [item["id"] for item in Page(client.get(address)).all("li", **{"class": "item"})]


def column(session, model, row_id, name):
    return session.scalar(select(getattr(model, name)).where(model.id == row_id))


def test_a_style_is_taken_off_sale_and_put_back(admin_client, session, press, log, style):
    address = f"/admin/styles/{style.id}"
    assert offered(admin_client, "/admin/styles", address) == ["flag", "off"]
    answer = press("/admin/styles", address, action="off")
    assert answer.headers["Location"] == "/admin/styles?done=off"
    assert column(session, Style, style.id, "is_active") is False
    assert offered(admin_client, "/admin/styles", address) == ["flag", "on"]
    press("/admin/styles", address, action="on")
    assert column(session, Style, style.id, "is_active") is True
    assert log() == [
        ("style", str(style.id), {"is_active": False}, REASON),
        ("style", str(style.id), {"is_active": True}, REASON),
    ]


def test_in_place_the_new_state_is_named_and_can_be_undone(press, session, image):
    address = f"/admin/images/{image.id}"
    page = Page(press("/admin/images", address, action="flag", in_place=True))
    assert page.text.startswith("Hidden. The change was logged. Undo")
    assert page.all("form", **{"action": address, "hx-target": "closest .outcome"})
    assert [each["value"] for each in page.all("input", name="action")] == ["unflag"]
    page = Page(press("/admin/images", address, action="unflag", in_place=True))
    assert page.text.startswith("Not hidden any more. The change was logged. Undo")
    assert column(session, Generation, image.id, "is_flagged") is False
    page = Page(press("/admin/images", address, action="private", in_place=True))
    assert page.text == "Private. The change was logged."


def test_styles_are_found_by_name_artist_and_state(admin_client, style, artist):
    here = [f"style-{style.id}"]
    assert shown(admin_client, f"/admin/styles?q={style.name}&is_active=&user_id=") == here
    assert shown(admin_client, f"/admin/styles?user_id={artist.user_id}&is_active=true") == here
    assert shown(admin_client, "/admin/styles?is_flagged=true") == []


def test_a_style_of_a_closed_account_stays_off_sale(admin_client, session, press, style, artist):
    press("/admin/users", f"/admin/users/{artist.user_id}", action="close")
    answer = press("/admin/styles", f"/admin/styles/{style.id}", action="on")
    assert answer.status_code == 422
    assert "The owner's account is closed." in Page(answer).text
    assert column(session, Style, style.id, "is_active") is False


def test_an_image_is_hidden_made_private_and_its_licence_revoked(
    admin_client, session, press, log, image
):
    address = f"/admin/images/{image.id}"
    assert offered(admin_client, "/admin/images", address) == [*("flag", "private", "revoke")]
    for act in ("flag", "private", "revoke"):
        press("/admin/images", address, action=act)
    assert column(session, Generation, image.id, "is_flagged") is True
    assert column(session, Generation, image.id, "is_public") is False
    assert session.scalar(select(Certificate.status)) == "revoked"
    assert [entry[0] for entry in log()] == ["generation", "generation", "license"]
    assert offered(admin_client, "/admin/images", address) == ["unflag", "reinstate"]
    press("/admin/images", address, action="reinstate")
    assert session.scalar(select(Certificate.status)) == "valid"


def test_an_image_without_an_end_has_no_licence_to_revoke(admin_client, ordered):
    assert offered(admin_client, "/admin/images", f"/admin/images/{ordered.id}") == ["flag"]
    assert (
        f"/admin/refund?generation_id={ordered.id}"
        not in Page(admin_client.get("/admin/images")).links()
    )


def test_a_list_is_searched_by_whom_the_rows_belong_to(
    admin_client, session, style, artist, image, comment, collection, buyer
):
    maker = session.get(User, artist.user_id)
    names.claim(session, maker.id, maker.username, artist.artist_name)
    names.claim(session, buyer.id, buyer.username)
    session.commit()
    for typed in (buyer.username, buyer.username.upper(), buyer.email.upper(), str(buyer.id)):
        person = f"?person={quote(typed)}"
        assert shown(admin_client, f"/admin/images{person}") == [f"image-{image.id}"]
        assert shown(admin_client, f"/admin/collections{person}") == [f"collection-{collection.id}"]
    for typed in (maker.username.title(), artist.artist_name.upper()):
        person = f"?person={quote(typed)}"
        assert shown(admin_client, f"/admin/styles{person}") == [f"style-{style.id}"]
        assert shown(admin_client, f"/admin/artworks{person}") == []
    page = Page(admin_client.get(f"/admin/images?user_id={buyer.id}"))
    assert page.all("input", name="person", value=str(buyer.id))


@pytest.mark.parametrize("name", ["styles", "images", "comments", "collections", "artworks"])
@pytest.mark.parametrize("typed", ["stranger", "stranger@example.org", "0", "12345678901234567890"])
def test_somebody_unknown_has_no_rows_and_is_told(
    admin_client, style, image, comment, collection, name, typed
):
    answer = admin_client.get(f"/admin/{name}?person={typed}")
    assert answer.status_code == 200
    assert "There is nobody with this name." in Page(answer).text
    assert Page(answer).all("input", name="person", value=typed)
    assert shown(admin_client, f"/admin/{name}?person={typed}") == []


def test_images_are_found_by_tag_and_owner(admin_client, image):
    here = [f"image-{image.id}"]
    assert shown(admin_client, f"/admin/images?q=boat&user_id={image.user_id}") == here
    assert shown(admin_client, "/admin/images?q=moon") == []


def test_a_comment_is_found_by_its_words_and_hidden(admin_client, press, log, comment):
    assert shown(admin_client, "/admin/comments?q=watches") == [f"comment-{comment.id}"]
    press("/admin/comments", f"/admin/comments/{comment.id}", action="flag")
    assert log() == [("comment", str(comment.id), {"is_hidden": True}, REASON)]
    assert shown(admin_client, "/admin/comments?is_flagged=true") == [f"comment-{comment.id}"]


def test_a_tag_is_hidden(admin_client, press, log, tag):
    press("/admin/tags?q=watch", f"/admin/tags/{tag.id}", action="flag")
    assert log() == [("tag", str(tag.id), {"is_flagged": True}, REASON)]
    assert offered(admin_client, "/admin/tags?q=watch", f"/admin/tags/{tag.id}") == ["unflag"]


def test_a_collection_is_found_hidden_and_shown_again(
    admin_client, client, buyer_client, press, log, collection
):
    page, address = f"/collections/{collection.id}", f"/admin/collections/{collection.id}"
    here = [f"collection-{collection.id}"]
    assert shown(admin_client, f"/admin/collections?q=watch&user_id={collection.user_id}") == here
    press("/admin/collections", address, action="flag")
    assert log() == [("collection", str(collection.id), {"is_flagged": True}, REASON)]
    assert shown(admin_client, "/admin/collections?is_flagged=true") == here
    assert client.get(page).status_code == 404
    assert "hidden this collection after a report" in Page(buyer_client.get(page)).text
    assert "only its owner and administrators" in Page(admin_client.get(page)).text
    hidden = Page(admin_client.get("/admin/flagged"))
    assert page in hidden.links()
    assert hidden.all("form", method="post", action=address)
    press("/admin/flagged", address, action="unflag")
    assert client.get(page).status_code == 200


def test_private_collections_are_no_business_of_administrators(admin_client, session, collection):
    collection.is_public = False
    session.commit()
    assert shown(admin_client, "/admin/collections") == []


def test_a_shown_artwork_is_hidden_and_shown_again(
    admin_client, artist_client, session, press, log, style
):
    (work,) = making.artworks(session, style, count=1)
    making.show_artworks(session, style, [work], titles=["Pier"])
    session.commit()
    listed, address = f"/admin/artworks?user_id={style.artist_id}", f"/admin/artworks/{work.id}"
    assert listed in Page(admin_client.get("/admin/styles")).links()
    assert shown(admin_client, listed) == [f"artwork-{work.id}"]
    press("/admin/artworks", address, action="flag")
    assert log() == [("artwork", str(work.id), {"is_flagged": True}, REASON)]
    assert shown(admin_client, "/admin/artworks?is_flagged=false") == []
    hidden = "/admin/artworks?is_flagged=true"
    assert hidden in Page(admin_client.get("/admin/flagged")).links()
    assert shown(admin_client, hidden) == [f"artwork-{work.id}"]
    assert "Artwork" in Page(admin_client.get("/admin/log")).text
    studio = f"/studio/styles/{style.id}/artworks"
    assert "Hidden by an administrator" in Page(artist_client.get(studio)).text
    assert studio in Page(artist_client.get("/notifications")).links()
    press("/admin/artworks", address, action="unflag")
    assert shown(admin_client, hidden) == []


@pytest.mark.parametrize(
    "name", ["styles", "images", "comments", "tags", "collections", "artworks"]
)
def test_an_act_that_no_form_offers_is_refused(admin_client, log, name):
    form = {"action": "burn", "reason": REASON}
    answer = admin_client.post(f"/admin/{name}/1", data=form)
    assert answer.status_code == 422
    missing = admin_client.post(f"/admin/{name}/99999999", data=form | {"action": "flag"})
    assert missing.status_code == 404
    assert log() == []
