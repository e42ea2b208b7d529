import io

import pytest
from sqlalchemy import update

from tests import making
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import SignIn, User
from webapp.domain.models.generation import Generation
from webapp.domain.models.payment import Purchase
from webapp.domain.models.payout import PayoutRequest, PayoutStatus
from webapp.domain.services import generations, ledger, likes
from webapp.pages import words
from webapp.pages.me import STATES

MOST_STATEMENTS = 8
HTMX = {"HX-Request": "true"}


@pytest.fixture
def works(session, buyer, style, finish):
    """One image in each state, and one that is shown to all."""
    ledger.grant(session, buyer.id, 1000, key="for works")
    shown, private, lost, gone, made, queued = making.order(
        session, buyer, style, count=4
    ) + making.order(session, buyer, style, count=2)
    finish(shown, is_public=True)
    finish(private)
    generations.fail(session, lost.id, "GPU_OOM", "")
    generations.cancel(session, user_id=buyer.id, generation_id=gone.id)
    generations.pipelines.advance_generation(session, made.id, "processing")
    session.execute(
        update(Generation)
        .where(Generation.id == made.id)
        .values(progress=making.rendering_progress(40))
    )
    session.commit()
    return {
        "public": [shown.id],
        "private": [private.id],
        "failed": [lost.id],
        "making": [queued.id, made.id],
        "canceled": [gone.id],
    }


def shown(page):
    return [
        int(each["id"].removeprefix("work-"))
        for each in page.all("li")
        if each.get("id", "").startswith("work-")
    ]


def test_ones_pictures_stand_there_in_every_state(buyer_client, works):
    page = Page(buyer_client.get("/me"))
    assert sorted(shown(page)) == sorted(each for ids in works.values() for each in ids)
    for text in (
        "In queue",
        "In progress",
        "40 %",
        "Failed",
        "Canceled",
        "10 tokens",
    ):
        assert text in page.text
    assert page.own_code() == []
    for state in ("public", "private", "failed", "making"):
        assert shown(Page(buyer_client.get(f"/me?state={state}"))) == works[state], state
    assert sorted(shown(Page(buyer_client.get("/me?state=nonsense")))) == sorted(shown(page))


def test_every_finished_picture_can_be_downloaded_where_it_stands(buyer_client, works, style):
    finished = {
        f"/api/v1/generations/{each}/image?download=1"
        for each in (*works["public"], *works["private"])
    }
    for path in ("/me", f"/styles/{style.id}"):
        links = Page(buyer_client.get(path)).all("a", download="")
        assert {each["href"] for each in links} == finished
        assert all(each["aria-label"].startswith("Download: “") for each in links)


def test_what_is_being_made_is_asked_for_until_it_is_done(buyer_client, works, session, storage):
    queued, made = works["making"]
    [asks] = Page(buyer_client.get("/me")).all("p", id="making")
    assert asks["hx-get"] == f"/me/works?id={queued}&id={made}"
    session.execute(update(Generation).where(Generation.id == made).values(status="queued"))
    making.finish(session, storage, session.get_one(Generation, made))
    session.commit()
    news = Page(buyer_client.get(asks["hx-get"], headers=HTMX))
    assert sorted(shown(news)) == sorted([queued, made])
    assert news.all("p", id="making")[0]["hx-get"] == f"/me/works?id={queued}"
    assert f"/g/{made}" in news.links()


def test_a_picture_is_shown_to_all_and_hidden_again(buyer_client, works, session):
    [private] = works["private"]
    [token] = {
        each["value"] for each in Page(buyer_client.get("/me")).all("input", name="csrf_token")
    }
    buyer_client.csrf_token = None
    path = f"/me/works/{private}/visibility"
    answer = buyer_client.post(
        f"{path}?state=private", data={"csrf_token": token, "is_public": "1"}
    )
    assert answer.headers["Location"] == f"/me?state=private#work-{private}"
    assert session.get_one(Generation, private).is_public
    piece = buyer_client.post(path, data={"csrf_token": token, "is_public": "0"}, headers=HTMX)
    assert "Private" in Page(piece).text
    assert not session.get_one(Generation, private).is_public
    answer = buyer_client.post(path, data={"csrf_token": "forged", "is_public": "1"})
    assert answer.status_code == 403


def test_nobody_sees_or_shows_the_pictures_of_another(client, sign_in, session, works):
    stranger = sign_in(making.user(session))
    [private], [public] = works["private"], works["public"]
    assert shown(Page(stranger.get("/me"))) == []
    assert shown(Page(stranger.get(f"/me/works?id={private}&id={public}"))) == []
    data = {"is_public": "1"}
    assert stranger.post(f"/me/works/{private}/visibility", data=data).status_code == 404
    assert stranger.post(f"/me/works/{public}/visibility", data=data).status_code == 403


@pytest.mark.parametrize("path", ["/me", "/me/settings", "/me/leave", "/me/works?id=1"])
def test_visitors_sign_in_and_come_back(client, path):
    assert client.get(path).headers["Location"] == f"/login?next={path.replace('=', '%3D')}"
    answer = client.get(path, headers=HTMX | {"HX-Current-URL": "http://localhost/me?state=making"})
    assert answer.headers["HX-Redirect"] == "/login?next=/me?state%3Dmaking"


def liked_pictures(page):
    return [
        int(each["id"].removeprefix("picture-"))
        for each in page.all("li")
        if each.get("id", "").startswith("picture-")
    ]


def test_the_pictures_that_one_likes_have_a_tab_of_their_own(
    session, buyer, buyer_client, style, finish
):
    owner = making.user(session, tokens=500)
    images = [finish(making.order(session, owner, style)[0], is_public=True) for _ in range(22)]
    for image in images:
        likes.like(session, user=buyer, generation_id=image.id)
    newest_first = [image.id for image in images[::-1]]
    page = Page(buyer_client.get("/me?state=liked"))
    assert liked_pictures(page) == newest_first[:20]
    assert page.own_code() == []
    [more] = [link for link in page.links() if "cursor=" in link]
    assert liked_pictures(Page(buyer_client.get(more))) == newest_first[20:]
    piece = Page(buyer_client.get(more, headers=HTMX))
    assert liked_pictures(piece) == newest_first[20:]
    assert piece.all("html") == []
    session.execute(
        update(Generation).where(Generation.id == images[-1].id).values(is_public=False)
    )
    session.commit()
    assert liked_pictures(Page(buyer_client.get("/me?state=liked"))) == newest_first[1:21]


def test_who_likes_nothing_yet_is_led_to_the_gallery(buyer_client):
    page = Page(buyer_client.get("/me?state=liked"))
    assert "You have not liked any pictures yet." in page.text
    assert "Go to the gallery" in page.text


@pytest.mark.parametrize("state", STATES)
def test_an_empty_wall_leads_on(buyer_client, state):
    page = Page(buyer_client.get(f"/me?state={state}"))
    assert str(words.NO_PICTURES[state]) in page.text
    assert ("/styles" if state == "all" else "/me") in page.links()


def test_an_artist_finds_every_style_with_its_state(artist_client, session, storage, artist, style):
    making.style(session, storage, of=artist, name="Old Birds", is_active=False)
    session.commit()
    page = Page(artist_client.get("/me"))
    for text in (style.name, "On sale", "Old Birds", "Not on sale"):
        assert text in page.text


# ── settings ─────────────────────────────────────────────────────────────────────────────────


def save(client, path="/me/settings", **fields):
    """Send the form as a browser without scripts does, with the token in a hidden field."""
    token, client.csrf_token = client.csrf_token, None
    data = {"csrf_token": token} | fields
    answer = client.post(path, data=data, content_type="multipart/form-data")
    client.csrf_token = token
    return answer


def file(data, name):
    return (io.BytesIO(data), name)


def test_a_profile_is_changed_without_scripts(buyer_client, buyer, session):
    answer = save(
        buyer_client,
        username="mina.2",
        bio="I collect <b>harbors</b>.",
        language="ko",
        profile_image=file(making.picture_png(), "me.png"),
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me/settings?saved=profile")
    session.refresh(buyer)
    assert (buyer.username, buyer.bio, buyer.language) == (
        "mina.2",
        "I collect <b>harbors</b>.",
        "ko",
    )
    page = Page(buyer_client.get(answer.headers["Location"]))
    assert page.all("html")[0]["lang"] == "ko"
    assert page.all("img", **{"class": "portrait"})
    assert page.all("p", role="status")


@pytest.mark.parametrize(
    "field, value",
    [
        ("username", "x"),
        ("username", "a b c"),
        ("bio", "b" * 151),
        ("profile_image", b"no picture"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_above_the_form(
    buyer_client, buyer, session, field, value
):
    given = {"username": buyer.username, "bio": "kept words"}
    answer = save(
        buyer_client,
        **given | {field: file(value, "x.png") if isinstance(value, bytes) else value},
    )
    assert answer.status_code == 422
    page = Page(answer)
    assert page.all("p", id=f"{field}-problem")
    assert page.all("div", role="alert", tabindex="-1")
    marked = [each for _, each in page.elements if each.get("aria-invalid") == "true"]
    assert [each["name"] for each in marked] == [field]
    assert "kept words" in page.text or field == "bio"
    session.refresh(buyer)
    assert buyer.bio == ""


def test_a_name_that_is_taken_is_told(buyer_client, artist, session):
    taken = session.get_one(User, artist.user_id).username
    answer = save(buyer_client, username=taken, bio="")
    assert answer.status_code == 409
    assert "This name is taken." in Page(answer).text


def test_an_artist_places_the_signature(artist_client, artist, session):
    before = artist.signature_key
    answer = save(
        artist_client,
        "/me/settings/artist",
        artist_name="J. Han",
        signature_position="bottom-left",
        signature_size="large",
        signature_opacity="0.45",
        signature_image=file(making.signature_png(), "s.png"),
    )
    assert answer.headers["Location"] == "/me/settings?saved=artist"
    session.refresh(artist)
    assert (artist.signature_position, artist.signature_size) == ("bottom-left", "large")
    assert (artist.signature_opacity, artist.artist_name) == (0.45, "J. Han")
    assert artist.signature_key != before
    page = Page(artist_client.get("/me/settings"))
    assert "checked" in page.all("input", value="bottom-left")[0]
    assert page.own_code() == []


def test_a_bad_signature_is_told_and_changes_nothing(artist_client, artist, session):
    answer = save(artist_client, "/me/settings/artist", artist_name="J", signature_opacity="7")
    page = Page(answer)
    assert answer.status_code == 422
    assert page.all("p", id="artist_name-problem")
    assert page.all("p", id="signature_opacity-problem")
    answer = save(artist_client, "/me/settings/artist", signature_image=file(b"x", "s.png"))
    assert Page(answer).all("p", id="signature_image-problem")
    session.refresh(artist)
    assert artist.signature_opacity == pytest.approx(0.7)


def test_only_artists_have_a_signature(buyer_client):
    page = Page(buyer_client.get("/me/settings"))
    assert "/become-artist" in page.links()
    assert page.all("form", id="signature") == []
    answer = save(buyer_client, "/me/settings/artist", artist_name="Nobody")
    assert answer.headers["Location"] == "/become-artist"


def test_another_site_changes_nothing(buyer_client, buyer, session):
    buyer_client.csrf_token = "forged"
    for path in ("/me/settings", "/me/sign-out-everywhere", "/me/leave"):
        answer = save(buyer_client, path, username="stolen", confirm=buyer.username)
        assert answer.status_code == 403
    session.refresh(buyer)
    assert buyer.username != "stolen"


def test_signing_out_everywhere_ends_every_session(buyer_client, buyer, session):
    session.add(SignIn(id="other phone", user_id=buyer.id, expires_at=making.jobs.NOW))
    session.commit()
    answer = save(buyer_client, "/me/sign-out-everywhere")
    assert answer.headers["Location"] == "/login"
    assert buyer_client.get("/me").status_code == 302
    open_ones = session.query(SignIn).filter_by(user_id=buyer.id, ended_at=None).count()
    assert open_ones == 0


# ── leaving ──────────────────────────────────────────────────────────────────────────────────


def test_what_leaving_means_is_said_before_it_is_done(buyer_client, artist_client, ordered):
    page = Page(buyer_client.get("/me/leave"))
    assert "Your account will be deleted." in page.text
    assert "You lose your 90 tokens." in page.text
    page = Page(artist_client.get("/me/leave"))
    assert "Your account will be closed, not deleted" in page.text
    assert "stay with the closed account" in page.text


@pytest.mark.parametrize(
    "is_needed, text",
    [
        (False, "If the bank later returns a payout, its money is lost."),
        (True, "If the bank later returns a payout, its tokens stay with the closed account."),
    ],
)
def test_an_artist_who_was_paid_reads_what_becomes_of_a_payout_that_comes_back(
    artist_client, artist, session, request, is_needed, text
):
    if is_needed:
        request.getfixturevalue("ordered")  # by somebody else, in a style of the artist
    assert "returns a payout" not in Page(artist_client.get("/me/leave")).text
    session.add(
        PayoutRequest(
            user_id=artist.user_id,
            amount_tokens=100,
            amount_krw=7000,
            status=PayoutStatus.SETTLED,
            paid_krw=7000,
            reference="B-1",
            ended_at=making.jobs.NOW,
        )
    )
    session.commit()
    assert text in Page(artist_client.get("/me/leave")).text


@pytest.mark.parametrize(
    "amount, changes, is_refundable",
    [
        (90, {}, True),
        (91, {}, False),  # some of them are spent
        (90, {"refund_key": "begun"}, False),
        (90, {"status": "expired"}, False),
    ],
)
def test_who_leaves_reads_that_bought_tokens_can_be_refunded(
    buyer_client, buyer, session, ordered, amount, changes, is_refundable
):
    assert "/wallet#purchases-title" not in Page(buyer_client.get("/me/leave")).links()
    values = {"status": "paid", "payment_key": "pay_1", "approved_at": making.jobs.NOW}
    session.add(
        Purchase(
            user_id=buyer.id,
            order_id="P_1",
            package_id="basic_100",
            amount_tokens=amount,
            price_per_token=100,
            total_price=100 * amount,
            expires_at=making.jobs.NOW,
            **(values | changes),
        )
    )
    session.commit()
    page = Page(buyer_client.get("/me/leave"))
    assert ("/wallet#purchases-title" in page.links()) is is_refundable
    assert ("Bought tokens can be refunded before you leave." in page.text) is is_refundable


def test_the_button_says_what_becomes_of_the_account(buyer_client, artist_client, ordered):
    assert "Delete my account" in Page(buyer_client.get("/me/leave")).text
    assert "Close my account" in Page(artist_client.get("/me/leave")).text


def test_who_writes_the_own_name_leaves(buyer_client, buyer, session):
    answer = save(buyer_client, "/me/leave", confirm="somebody")
    assert answer.status_code == 422
    assert Page(answer).all("input", **{"aria-invalid": "true"})
    answer = save(buyer_client, "/me/leave", confirm=buyer.username)
    assert answer.headers["Location"] == "/login?left=deleted"
    assert "Your account is deleted." in Page(buyer_client.get("/login?left=deleted")).text
    assert buyer_client.get("/me").status_code == 302
    session.refresh(buyer)
    assert buyer.deleted_at is not None


def test_what_is_still_being_made_must_end_before_one_leaves(buyer_client, buyer, ordered):
    answer = save(buyer_client, "/me/leave", confirm=buyer.username)
    assert answer.status_code == 409
    assert "The picture is not finished yet." in Page(answer).text


def test_no_page_asks_the_database_more_with_more_to_show(artist_client, session, artist, style):
    owner = session.get_one(User, artist.user_id)
    making.order(session, owner, style)
    session.commit()
    for path in ("/me", "/me/settings", "/me/leave"):
        with statements(session) as few:
            artist_client.get(path)
        making.order(session, owner, style, count=2)
        session.commit()
        with statements(session) as many:
            artist_client.get(path)
        assert len(few) == len(many) <= MOST_STATEMENTS, path
