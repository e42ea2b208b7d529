"""The page of a trained style: compare, try, choose, put on sale; by plain forms."""

import pytest
from sqlalchemy import func, select, text, update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.gains import MeasuredGain
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style


@pytest.fixture
def style(session, storage):
    made = making.trained(session, storage, gain=MeasuredGain(0.9, 0.5, 0.1))
    session.commit()
    return made


@pytest.fixture
def owner(session, sign_in, style):
    return sign_in(session.get(User, style.artist_id))


def form(page, **changes):
    [token, *_] = [field["value"] for field in page.all("input", name="csrf_token")]
    return {"csrf_token": token} | changes


def test_the_artist_sees_works_samples_and_what_was_learned(owner, style):
    page = Page(owner.get(f"/styles/{style.id}"))
    choices = [field["value"] for field in page.all("input", name="choice")]
    assert choices == ["150:0", "150:1", "100:0", "100:1", "50:0", "50:1"]
    [chosen] = [field["value"] for field in page.all("input", name="choice") if "checked" in field]
    assert chosen == "150:0"
    assert "The palette is learned well." in page.text
    assert page.text.count("The palette is learned well.") == 1  # all three steps learned the same
    assert "Training captured only part of your style" in page.text
    assert "8 free test pictures left" in page.text
    assert "Make a picture" not in page.text


def test_steps_that_learned_differently_each_say_what(session, owner, style):
    session.execute(text("UPDATE checkpoints SET gain_palette = 0.1 WHERE step = 50"))
    session.commit()
    said = Page(owner.get(f"/styles/{style.id}")).text
    assert said.count("The palette is learned well.") == 2
    assert said.count("The palette is hardly learned.") == 1


def test_the_button_names_each_price_and_the_try_outs_stand_beside_it(session, owner, style):
    page = Page(owner.get(f"/styles/{style.id}"))
    assert f"Put on sale · {style.price_tokens} tokens per picture" in page.text
    assert "#try-outs" in page.links()
    session.execute(update(Style).values(license_type="personal", commercial_price_tokens=600))
    session.commit()
    page = Page(owner.get(f"/styles/{style.id}"))
    said = f"Put on sale · {style.price_tokens} tokens personal, 600 commercial"
    assert said in page.text
    session.execute(update(Style).values(is_active=False))
    session.commit()
    assert "#try-outs" not in Page(owner.get(f"/styles/{style.id}")).links()


def test_a_style_that_is_learned_well_comes_without_a_warning(session, owner, style):
    for name, value in [("gain_edges", 0.9), ("gain_texture", 0.9)]:
        session.execute(text(f"UPDATE checkpoints SET {name} = {value}"))
    session.commit()
    assert "Training captured only part" not in Page(owner.get(f"/styles/{style.id}")).text


def test_others_find_nothing(client, buyer_client, style):
    for stranger in (client, buyer_client):
        assert stranger.get(f"/styles/{style.id}").status_code == 404
    assert buyer_client.get(f"/styles/{style.id}/try-outs").status_code == 404
    assert style.name not in Page(client.get("/styles")).text


def test_a_cover_is_chosen_and_with_it_what_is_sold(session, owner, style):
    sent = form(Page(owner.get(f"/styles/{style.id}")), choice="100:1")
    owner.csrf_token = None
    answer = owner.post(f"/styles/{style.id}/publish", data=sent)
    on_sale = f"/styles/{style.id}?saved=on_sale"
    assert (answer.status_code, answer.headers["location"]) == (303, on_sale)
    session.refresh(style)
    assert style.training_status == "completed"
    page = Page(owner.get(on_sale))
    assert "Your style is on sale." in page.text
    assert f"/studio/styles/{style.id}/statistics" in page.links()
    assert "Saved." not in page.text
    assert "Your style is on sale." not in Page(owner.get(f"/styles/{style.id}")).text
    assert "Make a picture" in Page(owner.get(f"/styles/{style.id}")).text
    # the same form once more, from a window that was left open
    again = owner.post(f"/styles/{style.id}/publish", data=sent | {"choice": "50:0"})
    assert again.status_code == 303
    before = style.adapter_sha256
    session.refresh(style)
    assert style.adapter_sha256 == before


@pytest.mark.parametrize("choice", ["", "7:0", "150:9", "last", "150:x"])
def test_a_wrong_choice_is_told_and_sells_nothing(session, owner, style, choice):
    answer = owner.post(f"/styles/{style.id}/publish", data={"choice": choice})
    assert answer.status_code == 422
    shown = [each for each in Page(answer).all("div", id="unpublished") if "hidden" not in each]
    assert len(shown) == 1
    session.refresh(style)
    assert style.training_status == "trained"


def test_words_are_tried_by_a_plain_form(session, owner, style):
    words = {"prompt_tags": "boat, sea", "aspect_ratio": "1:2", "checkpoint": "100"}
    sent = form(Page(owner.get(f"/styles/{style.id}")), **words)
    owner.csrf_token = None
    answer = owner.post(f"/styles/{style.id}/try-outs", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/styles/{style.id}?prompt_tags=boat%2C+sea&aspect_ratio=1%3A2&checkpoint=100#try-outs",
    )
    page = Page(owner.get(answer.headers["location"]))
    assert page.all("input", id="try-words")[0]["value"] == "boat, sea"
    assert {"value": "100", "selected": ""} in page.all("option")
    made = session.scalars(select(Generation)).one()
    assert (made.prompt_tags, made.height, made.price_tokens) == (["boat", "sea"], 1024, 0)
    piece = Page(owner.get(f"/styles/{style.id}/try-outs"))
    assert "7 free test pictures left" in piece.text
    assert "In queue" in piece.text


@pytest.mark.parametrize("words", [" , ", "꽈배기", "boat"])
def test_a_try_out_that_is_refused_is_told(session, owner, style, words):
    if words == "boat":
        session.execute(update(Style).values(is_active=False))
        session.commit()
    sent = {"prompt_tags": words, "aspect_ratio": "1:1", "checkpoint": "100"}
    answer = owner.post(f"/styles/{style.id}/try-outs", data=sent)
    assert answer.status_code == 422
    assert session.scalar(select(func.count()).select_from(Generation)) == 0


def test_a_try_out_has_a_page_without_a_button_that_shows_it(session, storage, owner, style):
    made = making.try_out(session, style)
    making.finish(session, storage, made)
    session.commit()
    page = Page(owner.get(f"/g/{made.id}"))
    assert "Test picture: only you can see it." in page.text
    assert "Make public" not in page.text
    assert f"/g/{made.id}" in Page(owner.get(f"/styles/{style.id}")).links()
    assert f"/g/{made.id}" not in Page(owner.get("/me")).links()


def test_a_style_on_sale_still_shows_its_artist_the_try_outs(
    session, storage, owner, buyer_client, style
):
    made = making.try_out(session, style)
    making.finish(session, storage, made)
    making.put_on_sale(session, style)
    session.commit()
    tried = f"/styles/{style.id}/try-outs"
    assert tried in Page(owner.get(f"/styles/{style.id}")).links()
    assert f"/g/{made.id}" in Page(owner.get(tried)).links()
    assert buyer_client.get(tried).status_code == 404
    assert tried not in Page(buyer_client.get(f"/styles/{style.id}")).links()


@pytest.mark.parametrize("state", ["training", "trained"])
def test_no_test_pictures_lead_to_the_style_where_they_are_made(session, owner, style, state):
    session.execute(update(Style).values(training_status=state))
    session.commit()
    page = Page(owner.get(f"/styles/{style.id}/try-outs"))
    assert "No test pictures yet." in page.text
    assert [each["href"] for each in page.all("a", role="button")] == [f"/styles/{style.id}"]


def test_the_studio_says_what_to_do(owner, style):
    assert "Review and decide" in Page(owner.get("/studio")).text
    assert "is trained and needs your decision" in Page(owner.get("/studio/new")).text
    assert "Trained, not on sale yet" in Page(owner.get("/me")).text


def test_a_place_is_given_up_and_taken_again(session, owner, style):
    assert "Set aside" in Page(owner.get(f"/styles/{style.id}")).text
    owner.post(f"/styles/{style.id}/terms", data={"is_active": "false"})
    session.refresh(style)
    assert not style.is_active
    page = Page(owner.get(f"/styles/{style.id}"))
    assert "You set this style aside." in page.text
    assert "Take up again" in page.text
    owner.post(f"/styles/{style.id}/terms", data={"is_active": "true"})
    session.refresh(style)
    assert style.is_active


def test_it_is_trained_again_without_a_work(session, owner, style):
    page = Page(owner.get(f"/styles/{style.id}"))
    work = page.all("input", name="remove_artwork_ids")[0]["value"]
    assert work
    answer = owner.post(f"/studio/styles/{style.id}/retrain", data={})
    assert answer.status_code == 303
    session.refresh(style)
    assert style.training_status == "pending"


def test_the_last_step_of_the_studio_asks_when(artist_client, session, style):
    session.execute(update(Style).values(is_active=False))
    session.commit()
    page = Page(artist_client.get("/studio/new"))
    choices = {each["value"]: "checked" in each for each in page.all("input", name="publish")}
    assert choices == {"by_artist": True, "when_trained": False}
