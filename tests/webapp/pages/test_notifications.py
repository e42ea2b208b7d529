from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import making
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.services import comments, follows, generations, likes, notifications

MOST_STATEMENTS = 5
HTMX = {"HX-Request": "true"}


def tell(session, user, kind=NotificationType.STYLE_TRAINING_COMPLETE, *, about, **more):
    target_type = more.pop("target_type", "style")
    return notifications.notify(
        session, user.id, kind, target_type=target_type, target_id=about, **more
    )


@pytest.fixture
def told(session, buyer, style):
    """Five notices of one style, a day apart, the newest now."""
    ids = [tell(session, buyer, about=style.id, event=f"{at}") for at in range(5)]
    for ago, notice_id in enumerate(reversed(ids)):
        session.execute(
            update(Notification)
            .where(Notification.id == notice_id)
            .values(created_at=Notification.created_at - timedelta(days=ago))
        )
    session.commit()
    return ids


def test_news_stand_under_their_days_newest_first(buyer_client, told):
    page = Page(buyer_client.get("/notifications"))
    assert [row["data-id"] for row in page.all("li", **{"class": "notice-row unread"})] == [
        str(each) for each in reversed(told)
    ]
    assert len(page.all("h2")) == 5
    assert page.text.index("Today") < page.text.index("Yesterday")
    assert page.own_code() == []


def test_whoever_follows_stands_with_a_letter_where_there_is_no_picture(
    buyer_client, session, buyer
):
    follower = making.user(session)
    follows.follow(session, user=follower, followed_id=buyer.id)
    session.commit()
    text = Page(buyer_client.get("/notifications")).text
    assert f"P Unread: {follower.username} follows you." in text


def test_every_page_shows_the_number_of_unread_notifications(buyer_client, session, buyer, told):
    [bell] = Page(buyer_client.get("/styles")).all("b", id="unread")
    assert "hidden" not in bell
    assert "Notifications 5" in Page(buyer_client.get("/styles")).text
    for at in range(100):
        tell(session, buyer, about=1, event=f"many {at}")
    session.commit()
    assert "99+" in Page(buyer_client.get("/styles")).text
    notifications.mark_all_read(session, buyer.id)
    session.commit()
    [bell] = Page(buyer_client.get("/styles")).all("b", id="unread")
    assert "hidden" in bell


def test_one_is_marked_read_and_then_all(buyer_client, session, told):
    page = Page(buyer_client.get("/notifications"))
    [token] = {each["value"] for each in page.all("input", name="csrf_token")}
    buyer_client.csrf_token = None
    answer = buyer_client.post(f"/notifications/{told[0]}/read", data={"csrf_token": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/notifications")
    unread = Page(buyer_client.get("/notifications?unread_only=true"))
    assert len(unread.all("li", **{"class": "notice-row unread"})) == 4
    buyer_client.post("/notifications/read", data={"csrf_token": token})
    assert (
        "No unread notifications." in Page(buyer_client.get("/notifications?unread_only=true")).text
    )


def test_nobody_reads_or_marks_what_was_told_to_another(client, sign_in, session, told):
    stranger = sign_in(making.user(session))
    assert stranger.post(f"/notifications/{told[0]}/read").status_code == 404
    assert "No notifications yet." in Page(stranger.get("/notifications")).text
    assert client.get("/notifications").headers["Location"] == "/login?next=/notifications"
    stranger.csrf_token = None
    assert stranger.post("/notifications/read", data={"csrf_token": "forged"}).status_code == 403


def test_more_is_loaded_without_saying_a_day_twice(buyer_client, session, buyer, style):
    for at in range(25):
        tell(session, buyer, about=style.id, event=f"{at}")
    session.commit()
    first = Page(buyer_client.get("/notifications"))
    [more] = [each["hx-get"] for each in first.all("a", role="button") if "hx-get" in each]
    rest = Page(buyer_client.get(more, headers=HTMX))
    assert rest.all("h2") == []
    assert rest.all("html") == []
    seen = [row["data-id"] for page in (first, rest) for row in page.all("li") if "data-id" in row]
    assert len(seen) == len(set(seen)) == 25
    assert Page(buyer_client.get(more)).all("html")


def test_every_kind_of_news_leads_to_what_it_is_about(
    buyer_client, session, buyer, artist, ordered, finish
):
    image = finish(ordered, is_public=True)
    actor = {"actor_id": artist.user_id}
    commenter = session.get_one(User, artist.user_id)
    comment_id = comments.post(
        session, user=commenter, generation_id=image.id, content="Fine", parent_id=None
    )
    for kind in (NotificationType.LIKE, NotificationType.GENERATION_FAILED):
        tell(session, buyer, kind, about=image.id, target_type="generation", **actor)
    tell(session, buyer, about=image.style_id)
    tell(session, buyer, NotificationType.STYLE_TRAINING_FAILED, about=image.style_id)
    for kind in (
        NotificationType.STYLE_TRAINED,
        NotificationType.STYLE_OUTDATED,
        NotificationType.STYLE_SALES,
        NotificationType.ARTWORK_HIDDEN,
    ):
        tell(session, buyer, kind, about=image.style_id)
    tell(session, buyer, NotificationType.PAYMENT_COMPLETE, about=3, target_type="purchase")
    for kind in (NotificationType.SET_JOB_COMPLETE, NotificationType.SET_JOB_FAILED):
        tell(session, buyer, kind, about=9, target_type="set_job", details={"job_id": "job_9"})
    tell(session, buyer, NotificationType.REFUND, about=image.id, target_type="generation")
    decided = {"outcome": "settled", "amount": 100, "paid_krw": 7000}
    tell(
        session,
        buyer,
        NotificationType.PAYOUT_DECIDED,
        about=4,
        target_type="payout",
        details=decided,
    )
    copy = {"about": 5, "target_type": "data_export"}
    tell(session, buyer, NotificationType.DATA_EXPORT_READY, **copy)
    stopped = {"about": 6, "target_type": "mail_digest"}
    tell(session, buyer, NotificationType.MAIL_DIGEST_STOPPED, **stopped)
    webhook = {"about": 6, "target_type": "webhook"}
    tell(session, buyer, NotificationType.WEBHOOK_DISABLED, **webhook)
    tell(session, buyer, NotificationType.FOLLOW, about=buyer.id, target_type="user", **actor)
    tell(
        session,
        buyer,
        NotificationType.REPORT_DECIDED,
        about=7,
        target_type="report",
        details={"outcome": "upheld", "reported": "user"},
    )
    session.commit()
    kinds = set(
        session.scalars(select(Notification.type).where(Notification.recipient_id == buyer.id))
    )
    assert kinds == set(NotificationType)
    links = Page(buyer_client.get("/notifications")).links()
    assert links.count(f"/g/{image.id}") == 4
    assert links.count(f"/g/{image.id}#comment-{comment_id}") == 1
    assert links.count(f"/styles/{image.style_id}") == 5
    assert links.count("/sets/job_9") == 2
    assert links.count(f"/users/{buyer.id}") == 1
    assert "/wallet" in links
    assert "/me/settings#data-title" in links
    assert f"/studio/styles/{image.style_id}/artworks" in links
    assert "/notifications/settings" in links
    assert not [link for link in links if link.startswith("/report")]


def test_nothing_leads_to_an_image_that_is_gone(
    buyer_client, session, buyer, artist, ordered, finish
):
    image = finish(ordered, is_public=True)
    stranger = making.user(session)
    tell(session, stranger, NotificationType.LIKE, about=image.id, target_type="generation")
    session.execute(update(Notification).values(recipient_id=buyer.id))
    generations.edit(session, user_id=buyer.id, generation_id=image.id, is_public=False)
    session.execute(update(making.Generation).values(deleted_at=making.jobs.NOW))
    session.commit()
    page = Page(buyer_client.get("/notifications"))
    assert page.all("li", **{"class": "notice-row unread"})
    assert f"/g/{image.id}" not in page.links()


def test_news_take_as_many_statements_as_one(buyer_client, session, buyer, told, style):
    with statements(session) as few:
        buyer_client.get("/notifications")
    for at in range(15):
        tell(session, buyer, about=style.id, event=f"more {at}")
    session.commit()
    with statements(session) as many:
        buyer_client.get("/notifications")
    assert len(few) == len(many) <= MOST_STATEMENTS


def test_to_open_a_picture_marks_what_was_told_of_it_as_read(
    buyer_client, client, session, buyer, ordered, finish
):
    image = finish(ordered, is_public=True)
    admirer = making.user(session)
    likes.like(session, user=admirer, generation_id=image.id)
    comments.post(session, user=admirer, generation_id=image.id, content="Fine", parent_id=None)
    follows.follow(session, user=admirer, followed_id=buyer.id)
    session.commit()
    assert client.get(f"/g/{image.id}").status_code == 200
    assert notifications.unread_count(session, buyer.id) == 4
    page = Page(buyer_client.get(f"/g/{image.id}"))
    assert "Notifications 1" in page.text
    unread = Page(buyer_client.get("/notifications?unread_only=true")).text
    assert f"{admirer.username} follows you." in unread
    assert "likes your picture" not in unread


@pytest.mark.parametrize(
    "kind, target_type, address",
    [
        (NotificationType.PAYMENT_COMPLETE, "purchase", "/wallet"),
        (NotificationType.REFUND, "purchase", "/wallet"),
        (NotificationType.PAYOUT_DECIDED, "payout", "/wallet"),
        (NotificationType.STYLE_SALES, "style", "/styles/{style}"),
        (NotificationType.STYLE_TRAINED, "style", "/studio"),
        (NotificationType.ARTWORK_HIDDEN, "style", "/studio/styles/{style}/artworks"),
        (NotificationType.DATA_EXPORT_READY, "data_export", "/me/settings"),
        (NotificationType.WEBHOOK_DISABLED, "webhook", "/me/webhooks"),
        (NotificationType.MAIL_DIGEST_STOPPED, "mail_digest", "/notifications/settings"),
    ],
)
def test_a_page_marks_what_was_told_of_what_it_shows_as_read(
    artist_client, session, storage, artist, style, kind, target_type, address
):
    owner = session.get_one(User, artist.user_id)
    tell(session, owner, kind, about=style.id, target_type=target_type)
    tell(session, owner, NotificationType.FOLLOW, about=owner.id, target_type="user")
    elsewhere = making.style(session, storage)
    tell(session, owner, NotificationType.STYLE_OUTDATED, about=elsewhere.id)
    session.commit()
    assert "Notifications 3" in Page(artist_client.get("/styles")).text
    assert "Notifications 2" in Page(artist_client.get(address.format(style=style.id))).text
    unread = select(Notification.type).where(~Notification.is_read)
    left = {NotificationType.FOLLOW, NotificationType.STYLE_OUTDATED}
    assert set(session.scalars(unread)) == left


def test_the_page_of_a_style_does_not_show_its_hidden_artworks(
    artist_client, session, artist, style
):
    owner = session.get_one(User, artist.user_id)
    tell(session, owner, NotificationType.ARTWORK_HIDDEN, about=style.id)
    session.commit()
    for path in (f"/styles/{style.id}", "/studio"):
        assert "Notifications 1" in Page(artist_client.get(path)).text


def test_a_picture_that_arrives_under_the_eyes_of_its_owner_is_no_news(
    buyer_client, session, storage, buyer, style
):
    made, open_yet = making.order(session, buyer, style, count=2)
    making.finish(session, storage, made)
    session.commit()
    tiles = f"/g/tiles?id={made.id}&id={open_yet.id}"
    assert buyer_client.get(tiles).status_code == 200  # in a window that is hidden
    assert buyer_client.get(f"/g/tiles?id={open_yet.id}&seen=1").status_code == 200
    assert notifications.unread_count(session, buyer.id) == 1
    assert buyer_client.get(f"{tiles}&seen=1").status_code == 200
    assert notifications.unread_count(session, buyer.id) == 0


def test_tiles_of_open_pictures_mark_nothing_and_ended_ones_take_one_statement(
    buyer_client, session, storage, buyer, style
):
    images = making.order(session, buyer, style, count=2)
    session.commit()

    def sent(image):
        with statements(session) as seen:
            buyer_client.get(f"/g/tiles?id={image.id}&seen=1")
        return [each for each in seen if each.startswith("UPDATE")]

    assert sent(images[0]) == []
    for image in images:
        making.finish(session, storage, image)
    session.commit()
    assert len(sent(images[0])) == 1


def test_the_page_of_a_style_shows_ones_own_pictures_and_tests(
    session, storage, sign_in, buyer_client, buyer, style
):
    [made] = making.order(session, buyer, style)
    making.finish(session, storage, made)
    trained = making.trained(session, storage)
    tried = making.try_out(session, trained)
    making.finish(session, storage, tried)
    session.commit()
    owner = session.get_one(User, trained.artist_id)
    for who, client, page in ((buyer, buyer_client, style), (owner, sign_in(owner), trained)):
        assert notifications.unread_count(session, who.id) > 0
        assert client.get(f"/styles/{page.id}").status_code == 200
        assert notifications.unread_count(session, who.id) == 0


def test_lists_of_pictures_show_that_they_have_ended_and_not_what_is_said_of_them(
    buyer_client, session, buyer, style, ordered, finish
):
    image = finish(ordered, is_public=True)
    likes.like(session, user=making.user(session), generation_id=image.id)
    session.commit()
    for address in ("/me", f"/styles/{style.id}", f"/g/tiles?id={image.id}&seen=1"):
        session.execute(update(Notification).values(is_read=False))
        session.commit()
        assert buyer_client.get(address).status_code == 200
        unread = select(Notification.type).where(~Notification.is_read)
        assert session.scalars(unread).all() == [NotificationType.LIKE], address


def test_a_page_takes_as_many_statements_with_news_as_without(buyer_client, session, buyer):
    def count():
        with statements(session) as sent:
            buyer_client.get("/wallet")
        return len(sent)

    without = count()
    tell(session, buyer, NotificationType.REFUND, about=1, target_type="purchase")
    session.commit()
    assert count() == without
    assert notifications.unread_count(session, buyer.id) == 0


def test_several_likes_and_a_whole_order_are_one_row_each(
    buyer_client, session, storage, buyer, style
):
    made = making.order(session, buyer, style, count=3)
    for image in made:
        making.finish(session, storage, image, is_public=True)
    people = [making.user(session) for _ in range(3)]
    for person in people:
        likes.like(session, user=person, generation_id=made[0].id)
    session.commit()
    page = Page(buyer_client.get("/notifications"))
    assert len(page.all("li", **{"class": "notice-row unread"})) == 2
    latest = people[-1].username
    assert f"{latest} and 2 others like your picture in “{style.name}”." in page.text
    assert f"Your 3 pictures in “{style.name}” are ready." in page.text
    likes.unlike(session, user=people[0], generation_id=made[0].id)
    session.commit()
    assert f"{latest} and 1 other like your" in Page(buyer_client.get("/notifications")).text
    said = {"user": people[0], "generation_id": made[0].id, "parent_id": None}
    for content in ("Fine.", "Very fine."):
        comments.post(session, content=content, **said)
    session.commit()
    text = Page(buyer_client.get("/notifications")).text
    assert f"{people[0].username} wrote 2 comments, the latest: “Very fine.”" in text
    buyer_client.patch("/api/v1/users/me", json={"language": "ko"})
    text = Page(buyer_client.get("/notifications")).text
    assert f"{people[0].username}님의 댓글 2개, 최근 댓글: “Very fine.”" in text
    assert f"{latest}님 외 1명이 “{style.name}” 이미지를 좋아합니다." in text
    assert f"“{style.name}” 이미지 3장이 완성되었습니다." in text
