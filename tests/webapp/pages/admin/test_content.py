import pytest
from sqlalchemy import select

from tests.webapp.pages.admin.conftest import REASON
from tests.webapp.pages.reading import Page
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate
from webapp.domain.models.style import Style


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
    assert answer.headers["Location"] == "/admin/styles?done=changed"
    assert column(session, Style, style.id, "is_active") is False
    assert offered(admin_client, "/admin/styles", address) == ["flag", "on"]
    press("/admin/styles", address, action="on")
    assert column(session, Style, style.id, "is_active") is True
    assert log() == [
        ("style", str(style.id), {"is_active": False}, REASON),
        ("style", str(style.id), {"is_active": True}, REASON),
    ]


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


@pytest.mark.parametrize("name", ["styles", "images", "comments", "tags"])
def test_an_act_that_no_form_offers_is_refused(admin_client, log, name):
    form = {"action": "burn", "reason": REASON}
    answer = admin_client.post(f"/admin/{name}/1", data=form)
    assert answer.status_code == 422
    missing = admin_client.post(f"/admin/{name}/99999999", data=form | {"action": "flag"})
    assert missing.status_code == 404
    assert log() == []
