from tests.webapp.pages.reading import Page


def heart(page):
    [button] = page.all("button", name="liked")
    return button["value"], button["aria-pressed"]


def test_a_picture_is_liked_and_no_longer_by_a_plain_form(artist_client, session, image):
    here = f"/#picture-{image.id}"
    for liked, before in (("1", "false"), ("0", "true")):
        page = Page(artist_client.get("/"))
        assert heart(page) == (liked, before)
        token, artist_client.csrf_token = artist_client.csrf_token, None
        [field] = page.all("input", name="csrf_token", value=token)[1:2]
        answer = artist_client.post(
            f"/g/{image.id}/like",
            data={"csrf_token": field["value"], "next": here, "liked": liked},
        )
        artist_client.csrf_token = token
        assert (answer.status_code, answer.headers["Location"]) == (303, here)
        session.refresh(image)
        assert image.like_count == int(liked)


def test_a_form_sent_twice_likes_once(artist_client, session, image):
    for _ in range(2):
        answer = artist_client.post(f"/g/{image.id}/like", data={"liked": "1"})
        assert answer.headers["Location"] == f"/g/{image.id}"
    session.refresh(image)
    assert image.like_count == 1


def test_a_like_never_leads_elsewhere(artist_client, image):
    form = {"liked": "1", "next": "//elsewhere.example"}
    answer = artist_client.post(f"/g/{image.id}/like", data=form)
    assert answer.headers["Location"] == "/"


def test_a_visitor_who_likes_is_led_to_sign_in_and_back(client, image):
    assert f"/login?next=%2F%23picture-{image.id}" in Page(client.get("/")).links()
    assert f"/login?next=%2Fg%2F{image.id}" in Page(client.get(f"/g/{image.id}")).links()
    answer = client.post(f"/g/{image.id}/like", data={"liked": "1"})
    assert answer.headers["Location"] == f"/login?next=/g/{image.id}"


def test_another_site_cannot_like(artist_client, session, image):
    artist_client.csrf_token = None
    answer = artist_client.post(f"/g/{image.id}/like", data={"csrf_token": "forged"})
    assert answer.status_code == 403
    session.refresh(image)
    assert image.like_count == 0


def test_a_picture_that_is_not_shown_cannot_be_liked(artist_client, ordered, finish):
    private = finish(ordered)
    assert artist_client.post(f"/g/{private.id}/like", data={"liked": "1"}).status_code == 404
