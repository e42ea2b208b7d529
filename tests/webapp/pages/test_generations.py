import pytest
from sqlalchemy import update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.services import base_models, generations

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def stranger_client(session, sign_in):
    return sign_in(making.user(session))


@pytest.fixture
def admin_client(session, sign_in):
    return sign_in(making.user(session, role="admin"))


def test_a_private_picture_is_there_for_its_owner_only(
    client, stranger_client, buyer_client, ordered, finish
):
    image = finish(ordered)
    assert client.get(f"/g/{image.id}").status_code == 404
    assert stranger_client.get(f"/g/{image.id}").status_code == 404
    assert buyer_client.get(f"/g/{image.id}").status_code == 200


def test_words_seed_and_price_are_for_the_owner(client, buyer_client, ordered, finish):
    image = finish(ordered, is_public=True)
    own, foreign = (Page(who.get(f"/g/{image.id}")).text for who in (buyer_client, client))
    assert "Seed 7" in own
    assert "Price 10 tokens" in own
    assert "Seed" not in foreign
    assert "Price" not in foreign


def test_a_picture_leads_to_its_style_its_certificate_and_its_file(buyer_client, ordered, finish):
    image = finish(ordered, is_public=True)
    answer = buyer_client.get(f"/g/{image.id}")
    page = Page(answer)
    assert f"/styles/{image.style_id}" in page.links()
    assert f'href="/l/{image.license_public_id}">{image.license_public_id}</a>' in answer.text
    assert f"/api/v1/generations/{image.id}/image?download=1" in page.links()
    assert "made by AI" in page.text


@pytest.fixture
def public(ordered, finish):
    return finish(ordered, is_public=True)


def main_buttons(page):
    links = [each["href"] for each in page.all("a", role="button")]
    return [link for link in links if not link.startswith("/login")]


def like_of(image):
    return f"/styles/{image.style_id}?like={image.id}#generate"


def test_the_main_button_of_a_foreign_picture_leads_to_an_order_like_it(
    client, stranger_client, public
):
    for who in (client, stranger_client):
        page = Page(who.get(f"/g/{public.id}"))
        assert main_buttons(page) == [like_of(public)]
        assert "Make one like this" in page.text
        assert who.get(main_buttons(page)[0].partition("#")[0]).status_code == 200
        preview = f"/api/v1/generations/{public.id}/image?variant=preview&download=1"
        assert preview in page.links()


def test_a_picture_says_what_another_one_costs_and_leads_to_artist_and_buyer(client, style, public):
    page = Page(client.get(f"/g/{public.id}"))
    assert f"Make one like this {style.price_tokens} tokens" in page.text
    assert f"/users/{public.user_id}" in page.links()
    lists = {f"/?artist_id={style.artist_id}", f"/styles?artist_id={style.artist_id}"}
    assert {f"/users/{style.artist_id}", *lists} <= set(page.links())


def test_who_may_have_the_file_downloads_it(buyer_client, artist_client, admin_client, public):
    for who in (buyer_client, artist_client, admin_client):
        page = Page(who.get(f"/g/{public.id}"))
        download = f"/api/v1/generations/{public.id}/image?download=1"
        assert main_buttons(page) == [download, like_of(public)]


def test_the_owner_makes_another_one_with_the_words_of_a_private_or_failed_picture(
    session, buyer, buyer_client, admin_client, style, ordered, finish
):
    private = finish(ordered)
    [failed] = making.order(session, buyer, style, seed=8)
    generations.fail(session, failed.id, "GPU_OOM", "")
    session.commit()
    for image in (private, failed):
        page = Page(buyer_client.get(f"/g/{image.id}"))
        assert like_of(image) in page.links()
        assert "Another one with these words" in page.text
        assert like_of(image) not in Page(admin_client.get(f"/g/{image.id}")).links()


def test_the_owner_is_told_what_others_can_use_of_a_public_picture(buyer_client, public):
    assert "others can begin an order" in Page(buyer_client.get(f"/g/{public.id}")).text


def test_the_owner_of_a_hidden_picture_is_not_told_that_everyone_can_see_it(
    buyer_client, session, public
):
    assert "Everyone can see it." in Page(buyer_client.get(f"/g/{public.id}")).text
    session.execute(update(Generation).values(is_flagged=True))
    text = Page(buyer_client.get(f"/g/{public.id}")).text
    assert "An administrator has hidden it. Nobody else can see it." in text
    assert "Everyone can see it." not in text


def test_no_address_of_the_full_file_is_on_the_page_of_a_foreign_picture(client, session, public):
    session.execute(update(Generation).values(width=1024, height=1024))
    session.commit()
    answer = client.get(f"/g/{public.id}")
    assert "/storage/images/" not in answer.text
    assert "/storage/previews/" in answer.text
    [link] = [each for each in Page(answer).all("a") if "data-pswp-width" in each]
    assert (link["data-pswp-width"], link["data-pswp-height"]) == ("768", "768")


def test_nothing_can_be_ordered_in_a_style_that_is_no_longer_sold(client, session, style, public):
    style.is_active = False
    session.commit()
    assert main_buttons(Page(client.get(f"/g/{public.id}"))) == []


def test_nothing_can_be_ordered_in_a_style_that_must_be_trained_again(
    client, buyer_client, session, style, public
):
    style.base_model_sha256 = "a" * 64
    base_models.record_loaded(session, style.base_model, "b" * 64)
    session.commit()
    assert main_buttons(Page(client.get(f"/g/{public.id}"))) == []
    assert like_of(public) not in Page(buyer_client.get(f"/g/{public.id}")).links()


def test_names_are_never_taken_for_markup(client, session, style, artist, ordered, finish):
    artist.artist_name = "<b>Bold</b> & Co"
    session.commit()
    image = finish(ordered, is_public=True)
    answer = client.get(f"/g/{image.id}")
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; Co" in answer.text
    assert Page(answer).all("b") == []


def test_a_picture_that_failed_says_so_and_what_came_back(session, buyer_client, ordered):
    generations.pipelines.advance_generation(session, ordered.id, "processing")
    generations.fail(session, ordered.id, "GPU_OOM", "inside")
    session.commit()
    text = Page(buyer_client.get(f"/g/{ordered.id}")).text
    assert "Out of memory" in text
    assert "Refunded: 10 tokens." in text
    assert "inside" not in text


def test_tiles_tell_where_pictures_stand(session, buyer_client, ordered):
    generations.pipelines.advance_generation(session, ordered.id, "processing")
    session.execute(
        update(Generation).values(progress=making.rendering_progress(38, estimated_seconds=3))
    )
    session.commit()
    page = Page(buyer_client.get(f"/g/tiles?id={ordered.id}"))
    assert page.all("html") == []
    assert page.all("progress", value="38")
    assert "38 % about 3 seconds left" in page.text


def test_a_waiting_picture_can_be_cancelled_and_a_running_one_not(session, buyer_client, ordered):
    address = f"/g/tiles?id={ordered.id}"
    assert [each for each in Page(buyer_client.get(address)).all("button") if "data-cancel" in each]
    generations.pipelines.advance_generation(session, ordered.id, "processing")
    session.commit()
    assert Page(buyer_client.get(address)).all("button") == []


def test_tiles_of_others_are_not_shown(stranger_client, session, sign_in, ordered, finish):
    image = finish(ordered, is_public=True)
    assert stranger_client.get(f"/g/tiles?id={image.id}").status_code == 404
    owner = session.get(User, image.user_id)
    assert sign_in(owner).get(f"/g/tiles?id={image.id}").status_code == 200


def form_to(page, action):
    """The hidden fields of a form, as a browser without scripts would send them."""
    [form] = page.all("form", action=action)
    first = page.elements.index(("form", form))
    inside = []
    for name, attributes in page.elements[first + 1 :]:
        if name == "form":
            break
        inside += [attributes] if attributes.get("type") == "hidden" else []
    return {field["name"]: field["value"] for field in inside}


def test_the_owner_shows_a_picture_and_hides_it_again_by_a_plain_form(
    client, buyer_client, ordered, finish
):
    image = finish(ordered)
    address, action = f"/g/{image.id}", f"/g/{image.id}/visibility"
    for is_public in ("1", "0"):
        page = Page(buyer_client.get(address))
        [button] = page.all("button", name="is_public")
        assert button["value"] == is_public
        form = form_to(page, action) | {"is_public": is_public}
        token, buyer_client.csrf_token = buyer_client.csrf_token, None
        answer = buyer_client.post(action, data=form)
        buyer_client.csrf_token = token
        assert (answer.status_code, answer.headers["Location"]) == (303, address)
        seen = client.get(address)
        assert seen.status_code == (200 if is_public == "1" else 404)
        assert Page(seen).all("form", action=action) == []


def test_scripts_get_only_what_one_can_do_with_a_picture(buyer_client, ordered, finish):
    image = finish(ordered)
    answer = buyer_client.post(
        f"/g/{image.id}/visibility", data={"is_public": "1"}, headers=FRAGMENT
    )
    piece = Page(answer)
    assert piece.all("html") == []
    assert piece.all("input", id="address", value=f"http://localhost:8000/g/{image.id}")


def test_the_owner_describes_a_picture(client, buyer_client, ordered, finish):
    image = finish(ordered, is_public=True)
    address, action = f"/g/{image.id}", f"/g/{image.id}/description"
    described = buyer_client.post(action, data={"description": "Evening at the pier"})
    assert described.headers["Location"] == address
    assert Page(client.get(address)).text.count("Evening at the pier") == 2  # in title and page
    piece = Page(buyer_client.post(action, data={"description": ""}, headers=FRAGMENT))
    assert "boat, sea" in piece.text


def test_a_description_that_is_too_long_stands_in_the_form_again(buyer_client, ordered, finish):
    image = finish(ordered)
    action, text = f"/g/{image.id}/description", "x" * 501
    for headers in ({}, FRAGMENT):
        answer = buyer_client.post(action, data={"description": text}, headers=headers)
        page = Page(answer)
        assert answer.status_code == 422
        assert [each for each in page.all("textarea", id="description") if "aria-invalid" in each]
        assert text in page.text
        assert "At most 500 characters." in page.text


def test_nobody_else_changes_a_picture(stranger_client, admin_client, ordered, finish):
    image = finish(ordered, is_public=True)
    for who in (stranger_client, admin_client):
        page = Page(who.get(f"/g/{image.id}"))
        assert page.all("form", **{"class": "visibility"}) == []
        assert page.all("textarea", id="description") == []
        for what in ("visibility", "description"):
            assert who.post(f"/g/{image.id}/{what}").status_code == 403


def test_a_public_picture_can_be_shared_and_a_private_one_not(
    buyer_client, session, ordered, finish
):
    image = finish(ordered)
    address = f"/g/{image.id}"
    assert Page(buyer_client.get(address)).all("input", id="address") == []
    session.execute(update(Generation).values(is_public=True))
    session.commit()
    [shared] = Page(buyer_client.get(address)).all("input", id="address")
    assert shared["value"] == f"http://localhost:8000{address}"


def test_the_words_of_a_picture_lead_to_others_with_the_same(client, ordered, finish):
    image = finish(ordered, is_public=True)
    assert "/?tags=boat" in Page(client.get(f"/g/{image.id}")).links()


def test_a_shared_link_shows_the_picture_elsewhere(client, buyer_client, ordered, finish):
    image = finish(ordered)
    path = f"/g/{image.id}"
    [icon] = Page(buyer_client.get(path)).all("meta", property="og:image")
    assert icon["content"] == "http://localhost:8000/apple-touch-icon.png"
    buyer_client.post(f"{path}/visibility", data={"is_public": "1"})
    page = Page(client.get(path))
    [found] = page.all("meta", property="og:image")
    shown = client.get(found["content"].removeprefix("http://localhost:8000"))
    assert shown.status_code == 302
    assert page.all("meta", name="twitter:card", content="summary_large_image")
    assert page.all("meta", property="og:url", content=f"http://localhost:8000{path}")
