"""The form in the studio, and the pages on which chosen artworks are shown."""

import pytest
from sqlalchemy import select

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.shown_artwork import MAX_SHOWN, ShownArtwork
from webapp.domain.models.style import TrainingStatus

NOT_LICENSED = "Buying the style does not license them."


@pytest.fixture
def works(session, style):
    made = making.artworks(session, style, count=3)
    session.commit()
    return made


def address(style):
    return f"/studio/styles/{style.id}/artworks"


def form(places, titles=None):
    titles = titles or {}
    return {f"place-{work.id}": place for work, place in places.items()} | {
        f"title-{work.id}": title for work, title in titles.items()
    }


def show(session, style, works, titles):
    making.show_artworks(session, style, works, titles=titles)
    session.commit()


def saved(session):
    query = select(ShownArtwork.artwork_id, ShownArtwork.title).order_by(ShownArtwork.place)
    return [tuple(row) for row in session.execute(query)]


def test_the_form_says_what_is_shown_and_who_can_save_it(artist_client, style, works):
    page = Page(artist_client.get(address(style)))
    for words in ("Your artworks are private.", "Anybody can save what is shown.", NOT_LICENSED):
        assert words in page.text
    assert len(page.all("select")) == len(page.all("input", maxlength="80")) == 3
    assert address(style) in Page(artist_client.get("/studio")).links()
    assert address(style) in Page(artist_client.get(f"/styles/{style.id}")).links()


def test_works_are_chosen_with_places_and_titles(artist_client, session, style, works):
    first, second, third = works
    answer = artist_client.post(
        address(style),
        data=form({first: "7", second: "", third: "2"}, {first: "Rain", second: "x", third: ""}),
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{address(style)}?saved=yes")
    assert saved(session) == [(third.id, ""), (first.id, "Rain")]
    page = Page(artist_client.get(answer.headers["Location"]))
    assert "Saved." in page.text
    assert page.text.count("Its small copy is being made.") == 2
    assert page.all("input", id=f"title-{first.id}")[0]["value"] == "Rain"


def test_works_with_the_same_place_are_in_the_order_of_the_page(
    artist_client, session, style, works
):
    artist_client.post(address(style), data=form(dict.fromkeys(works, "1")))
    assert [row[0] for row in saved(session)] == [work.id for work in works]


@pytest.mark.parametrize(
    "place,title,text",
    [("13", "", "1 to 12."), ("9" * 5000, "", "1 to 12."), ("1", "x" * 81, "at most 80")],
)
def test_a_wrong_form_is_shown_again_with_what_was_entered(
    artist_client, session, style, works, place, title, text
):
    data = form({works[0]: place, works[1]: "2"}, {works[0]: title, works[1]: "Rain"})
    answer = artist_client.post(address(style), data=data)
    page = Page(answer)
    assert (answer.status_code, saved(session)) == (422, [])
    assert text in page.text
    assert page.all("input", id=f"title-{works[1].id}")[0]["value"] == "Rain"


def test_more_than_twelve_are_refused(artist_client, session, style):
    works = making.artworks(session, style, count=MAX_SHOWN + 1)
    session.commit()
    answer = artist_client.post(address(style), data=form(dict.fromkeys(works, "1")))
    assert answer.status_code == 422
    assert "At most 12 artworks." in Page(answer).text


def test_a_work_that_is_gone_meanwhile_loses_nothing_that_was_entered(
    artist_client, session, style, works
):
    works[0].is_removed = True
    session.commit()
    data = form({works[0]: "1", works[1]: "2"}, {works[1]: "Rain"})
    answer = artist_client.post(address(style), data=data)
    assert answer.status_code == 404
    page = Page(answer)
    assert page.all("input", id=f"title-{works[1].id}")[0]["value"] == "Rain"


def test_the_form_is_the_artists(client, buyer_client, style, works):
    assert client.get(address(style)).status_code in {302, 303}
    assert buyer_client.get(address(style)).status_code == 404
    assert buyer_client.post(address(style), data=form({works[0]: "1"})).status_code == 403


def test_others_see_them_beside_the_samples_and_on_the_page_of_the_artist(
    client, session, style, works
):
    show(session, style, works[:2], ["Pier at night", ""])
    for path in (f"/styles/{style.id}", f"/users/{style.artist_id}"):
        page = Page(client.get(path))
        texts = [image["alt"] for image in page.all("img", width="640")]
        assert texts == ["Pier at night", f"Artwork 2 of the style {style.name}"]
        assert NOT_LICENSED in page.text
        assert not page.own_code()
    korean = Page(client.get(f"/styles/{style.id}", headers={"Accept-Language": "ko"}))
    assert "이 스타일을 학습한 아티스트의 작품" in korean.text
    assert f"{style.name} 스타일의 작품 2" in [
        each["alt"] for each in korean.all("img", width="640")
    ]


def test_without_a_choice_nothing_is_said_of_them(client, artist_client, style, works):
    for reader in (client, artist_client):
        for path in (f"/styles/{style.id}", f"/users/{style.artist_id}"):
            assert NOT_LICENSED not in Page(reader.get(path)).text


def test_the_studio_says_when_others_see_none(artist_client, session, style, works):
    show(session, style, works[:1], ["Pier"])
    assert "is not on sale at the moment" not in Page(artist_client.get(address(style))).text
    style.is_active = False
    session.commit()
    assert "is not on sale at the moment" in Page(artist_client.get(address(style))).text


def test_a_style_whose_works_are_not_checked_yet_has_nothing_to_choose(
    artist_client, session, style, works
):
    style.training_status = TrainingStatus.PENDING
    for work in works:
        work.status = "pending"
    session.commit()
    assert (
        "No artwork of this style has been accepted yet."
        in Page(artist_client.get(address(style))).text
    )
