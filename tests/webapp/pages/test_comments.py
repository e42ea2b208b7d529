import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.comment import Comment
from webapp.domain.services import comments

FRAGMENT = {"HX-Request": "true"}
MOST_STATEMENTS = 12


@pytest.fixture
def talker(session):
    return making.user(session)


@pytest.fixture
def talker_client(talker, sign_in):
    return sign_in(talker)


@pytest.fixture
def say(session, image, talker):
    """Comment the image, by default as the talker; return the comment's id."""

    def say(content="The light is lovely.", parent_id=None, by=talker):
        made = comments.post(
            session, user=by, generation_id=image.id, content=content, parent_id=parent_id
        )
        session.commit()
        return made

    return say


def said(page):
    """The ids of the comments of a page, in order."""
    found = [item["id"] for item in page.all("li") if item.get("class") == "comment"]
    return [int(each.removeprefix("comment-")) for each in found]


def test_comments_stand_under_their_picture_with_their_replies(client, image, say):
    first, second = say("First."), say("Second.")
    reply = say("Well said.", first)
    page = Page(client.get(f"/g/{image.id}"))
    assert said(page) == [first, reply, second]
    assert "Comments 3" in page.text
    assert page.all("textarea") == []
    assert "Sign in to comment" in page.text


def test_a_comment_and_a_reply_are_written_by_a_plain_form(session, talker_client, image, say):
    first = say()
    page = Page(talker_client.get(f"/g/{image.id}"))
    token, talker_client.csrf_token = talker_client.csrf_token, None
    assert page.all("input", name="parent_id", value=str(first))
    form = {"csrf_token": token, "content": "And the sea."}
    for more in ({}, {"parent_id": str(first)}):
        answer = talker_client.post(f"/g/{image.id}/comments", data=form | more)
        made = session.scalar(select(func.max(Comment.id)))
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"/comments/{made}#comment-{made}"
        there = Page(talker_client.get(f"/comments/{made}"))
        assert made in said(there)
        assert "And the sea." in there.text
        assert f"/g/{image.id}#comments" in there.links()
    assert session.get(Comment, made).parent_id == first


def test_scripts_get_only_the_new_comment_its_number_and_what_to_say(talker_client, image):
    answer = talker_client.post(
        f"/g/{image.id}/comments", data={"content": "Hm."}, headers=FRAGMENT
    )
    piece = Page(answer)
    assert piece.all("html") == []
    assert len(said(piece)) == 1
    assert piece.all("ul", **{"hx-swap-oob": "beforeend:#threads"})
    [count] = piece.all("span", id="comment-count")
    assert count["hx-swap-oob"] == "true"
    assert "Your comment was posted." in piece.text


def test_a_reply_is_put_among_the_replies_of_its_comment(talker_client, image, say):
    first = say()
    form = {"content": "Indeed.", "parent_id": str(first)}
    answer = talker_client.post(f"/g/{image.id}/comments", data=form, headers=FRAGMENT)
    assert Page(answer).all("ul", **{"hx-swap-oob": f"beforeend:#replies-{first}"})


@pytest.mark.parametrize("content", ["   ", "x" * 501])
@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize("place", ["write", "reply", "edit"])
def test_wrong_words_stand_in_their_form_again(
    session, talker_client, image, say, place, headers, content
):
    first = say()
    address = f"/comments/{first}/edit" if place == "edit" else f"/g/{image.id}/comments"
    form = {"content": content} | ({"parent_id": str(first)} if place == "reply" else {})
    answer = talker_client.post(address, data=form, headers=headers)
    page = Page(answer)
    field = "write-words" if place == "write" else f"{place}-{first}-words"
    [wrong] = [each for each in page.all("textarea") if "aria-invalid" in each]
    assert answer.status_code == 422
    assert wrong["id"] == field
    assert page.all("p", id=wrong["aria-describedby"])
    assert content.strip() in page.text
    assert bool(page.all("html")) == (headers == {})
    assert session.scalar(select(func.count()).select_from(Comment)) == 1


def test_one_changes_ones_own_words_only(session, talker_client, artist_client, image, say):
    first = say()
    address = f"/comments/{first}/edit"
    answer = talker_client.post(address, data={"content": "The fog is lovely."})
    assert answer.headers["Location"] == f"/comments/{first}#comment-{first}"
    text = Page(talker_client.get(f"/g/{image.id}")).text
    assert "The fog is lovely." in text
    assert "edited" in text
    piece = Page(talker_client.post(address, data={"content": "Ah."}, headers=FRAGMENT))
    assert piece.all("div", id=f"said-{first}")
    assert artist_client.post(address, data={"content": "Mine."}).status_code == 403
    foreign = Page(artist_client.get(f"/g/{image.id}"))
    assert foreign.all("form", action=address) == []
    assert foreign.all("form", action=f"/comments/{first}/delete") == []


def test_one_deletes_ones_own_comment_with_its_replies(session, talker_client, image, say):
    first, kept = say("First."), say("Kept.")
    say("Gone too.", first)
    answer = talker_client.post(f"/comments/{first}/delete")
    assert answer.headers["Location"] == f"/g/{image.id}#comments"
    assert said(Page(talker_client.get(f"/g/{image.id}"))) == [kept]
    piece = Page(talker_client.post(f"/comments/{kept}/delete", headers=FRAGMENT))
    assert said(piece) == []
    assert "0 The comment was deleted." in piece.text


def test_an_administrator_deletes_what_others_said(session, sign_in, image, say):
    first = say()
    admin_client = sign_in(making.user(session, role="admin"))
    page = Page(admin_client.get(f"/g/{image.id}"))
    assert page.all("form", action=f"/comments/{first}/delete")
    assert page.all("form", action=f"/comments/{first}/edit") == []
    assert admin_client.post(f"/comments/{first}/delete").status_code == 303


def test_a_hidden_comment_keeps_its_place_and_its_words_are_for_its_author(
    session, client, talker_client, artist_client, image, say
):
    hidden = say("Hateful words.")
    session.execute(update(Comment).values(is_hidden=True))
    session.commit()
    for who in (client, artist_client):
        page = Page(who.get(f"/g/{image.id}"))
        assert said(page) == [hidden]
        assert "Hateful" not in page.text
        assert "This comment was hidden." in page.text
    assert "Hateful words." in Page(talker_client.get(f"/g/{image.id}")).text


def test_more_comments_are_loaded_in_place_or_as_a_page(client, image, say):
    made = [say(f"Number {number}.") for number in range(23)]
    [more] = [link for link in Page(client.get(f"/g/{image.id}")).links() if "cursor=" in link]
    piece = Page(client.get(more, headers=FRAGMENT))
    assert (said(piece), piece.all("html")) == (made[20:], [])
    page = Page(client.get(more))
    assert said(page) == made[20:]
    assert f"/g/{image.id}#comments" in page.links()


def test_a_comment_with_many_replies_shows_the_first_and_leads_to_all(client, image, say):
    first = say()
    replies = [say(f"Reply {number}.", first) for number in range(22)]
    page = Page(client.get(f"/g/{image.id}"))
    assert said(page) == [first, *replies[:20]]
    assert "Show all 22 replies" in page.text
    [every] = [link for link in page.links() if "parent_id=" in link]
    assert said(Page(client.get(every, headers=FRAGMENT))) == replies
    assert said(Page(client.get(every))) == [first, *replies]


def test_a_notification_finds_its_comment_wherever_it_stands(client, image, say):
    first = say()
    replies = [say(f"Reply {number}.", first) for number in range(22)]
    page = Page(client.get(f"/comments/{replies[-1]}"))
    assert said(page) == [first, *replies[:20], replies[-1]]
    piece = Page(client.get(f"/comments/{replies[-1]}", headers=FRAGMENT))
    assert (said(piece), piece.all("html")) == ([first, *replies[:20], replies[-1]], [])


def test_what_is_said_of_a_private_picture_is_not_for_strangers(
    session, client, talker_client, buyer_client, image, say
):
    first = say()
    image.is_public = False
    session.commit()
    for who in (client, talker_client):
        assert who.get(f"/comments/{first}").status_code == 404
        assert who.get(f"/g/{image.id}/comments").status_code == 404
    assert buyer_client.get(f"/comments/{first}").status_code == 200
    assert client.get("/comments/0").status_code == 404


def test_a_visitor_who_writes_is_led_to_sign_in_and_back(client, image, say):
    first = say()
    for address, back in (
        (f"/g/{image.id}/comments", f"/g/{image.id}"),
        (f"/comments/{first}/edit", f"/comments/{first}"),
        (f"/comments/{first}/delete", f"/comments/{first}"),
    ):
        answer = client.post(address, data={"content": "Hm."})
        assert answer.headers["Location"] == f"/login?next={back}"


def test_another_site_cannot_speak_for_anyone(session, talker_client, image):
    talker_client.csrf_token = None
    form = {"content": "Buy now.", "csrf_token": "forged"}
    assert talker_client.post(f"/g/{image.id}/comments", data=form).status_code == 403
    assert session.scalar(select(func.count()).select_from(Comment)) == 0


def test_a_name_and_words_are_never_taken_for_markup(session, client, image, talker, say):
    say("1 < 2 & <3")
    answer = client.get(f"/g/{image.id}")
    assert "1 &lt; 2 &amp; &lt;3" in answer.text


def test_a_picture_with_much_said_asks_the_database_no_more_than_one_with_little(
    session, talker_client, image, say
):
    say("A reply.", say())
    with statements(session) as before:
        talker_client.get(f"/g/{image.id}")
    for _ in range(5):
        first = say(by=making.user(session))
        say("A reply.", first, by=session.get(User, image.user_id))
    with statements(session) as after:
        talker_client.get(f"/g/{image.id}")
    assert len(after) == len(before) <= MOST_STATEMENTS
