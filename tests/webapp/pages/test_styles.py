from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import orjson
import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.statements import statements
from tests.webapp.pages.reading import Page, enter_presses
from webapp.domain.models.account import Artist, User
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.models.style import Artwork, Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import base_models, follows, offers, tags

TODAY = datetime.now(ZoneInfo("Asia/Seoul")).date()  # a test after midnight finds it yesterday
MOST_STATEMENTS = 12
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def run(session, storage):
    """A training in its second stage, with losses and samples."""
    made = making.training(session, storage, step="train_style")
    made.progress = {
        "current_epoch": 42,
        "total_epochs": 100,
        "progress_percent": 42,
        "estimated_seconds": 130,
        "last_updated": "2026-11-02T10:00:00Z",
    }
    made.loss_history = [
        {"step": step, "loss": 1 / (1 + step), "held_out_loss": 0.5 if step == 700 else None}
        for step in range(1000)
    ]
    made.sample_keys = [f"training/{made.id}/sample-{number}.png" for number in range(30)]
    session.execute(
        update(Style).where(Style.id == made.style_id).values(training_status="training")
    )
    session.commit()
    return made


def test_no_time_left_is_told_before_it_is_known(session, run, owner_client):
    known = {
        "current_epoch": 1,
        "total_epochs": 100,
        "progress_percent": 1,
        "last_updated": "2026-11-02T10:00:00Z",
    }
    run.progress = known
    session.commit()
    assert "left" not in Page(owner_client.get(f"/styles/{run.style_id}/training")).text
    assert "about" not in Page(owner_client.get("/studio")).text


def test_an_outdated_style_is_not_ordered_and_its_artist_trains_it_again(
    session, storage, sign_in, client
):
    run = making.training(session, storage, works=10)
    style = session.get(Style, run.style_id)
    style.training_status, style.base_model_sha256 = TrainingStatus.COMPLETED, "a" * 64
    style.adapter_sha256 = making.ADAPTER_SHA256
    base_models.record_loaded(session, "built-in", "b" * 64)
    session.commit()
    address = f"/styles/{style.id}"
    page = Page(client.get(address))
    assert "must be trained again first" in page.text
    assert not page.all("form", id="order")
    assert not page.all("form", action=f"/studio{address}/retrain")
    owner = sign_in(session.get(User, style.artist_id))
    page = Page(owner.get(address))
    token = page.all("input", name="csrf_token")[0]["value"]
    answer = owner.post(f"/studio{address}/retrain", data={"csrf_token": token})
    assert answer.status_code == 303
    session.refresh(style)
    assert style.training_status == TrainingStatus.PENDING


@pytest.fixture
def owner_client(session, run, sign_in):
    style = session.get(Style, run.style_id)
    return sign_in(session.get(User, style.artist_id))


def order_form(page, **changes):
    """What a browser without scripts would send."""
    fields = {
        field["name"]: field.get("value", "")
        for field in page.all("input")
        if field.get("type") not in {"radio", "checkbox"} and "name" in field
    }
    chosen = {
        field["name"]: field["value"]
        for field in page.all("input", type="radio")
        if "checked" in field
    }
    return fields | chosen | {"prompt_tags": "boat, sea"} | changes


def test_a_style_shows_its_price_on_the_button(buyer_client, style):
    page = Page(buyer_client.get(f"/styles/{style.id}"))
    assert "Make 1 picture · 10 tokens" in page.text


def test_a_style_says_what_a_token_costs_and_where_to_read_more(client, buyer_client, style):
    leads_to = {
        client: "/how-it-works#tokens",
        buyer_client: f"/wallet?next=%2Fstyles%2F{style.id}#packages-title",
    }
    for reader, address in leads_to.items():
        page = Page(reader.get(f"/styles/{style.id}"))
        assert page.text.count("A token costs ₩80–100.") == 1
        assert address in page.links()


def test_a_visitor_is_led_to_sign_in_and_back(client, style):
    page = Page(client.get(f"/styles/{style.id}"))
    assert f"/login?next=/styles/{style.id}" in page.links()


@pytest.mark.parametrize("kind", ["personal", "commercial"])
def test_every_licence_is_told_in_plain_words(client, session, style, kind):
    style.license_type = kind
    session.commit()
    text = Page(client.get(f"/styles/{style.id}")).text
    assert f"{kind.capitalize()} licence" in text
    assert "Remove or cover the signature" in text


def test_images_are_ordered_by_a_plain_form(session, buyer_client, buyer, style):
    page = Page(buyer_client.get(f"/styles/{style.id}"))
    buyer_client.csrf_token = None  # a form carries it in a field, not in a header
    answer = buyer_client.post(
        f"/styles/{style.id}/generate", data=order_form(page, count="2", seed="7", seen_total="20")
    )
    assert answer.status_code == 302
    made = session.scalars(
        select(Generation).where(Generation.user_id == buyer.id).order_by(Generation.id)
    ).all()
    assert [(each.seed, each.prompt_tags) for each in made] == [
        (7, ["boat", "sea"]),
        (8, ["boat", "sea"]),
    ]


def test_korean_words_are_ordered_by_a_plain_form_as_english_tags(
    session, buyer_client, buyer, style
):
    form = order_form(
        Page(buyer_client.get(f"/styles/{style.id}")),
        prompt_tags="배, 빨간 고양이",
        negative_tags="비",
    )
    assert buyer_client.post(f"/styles/{style.id}/generate", data=form).status_code == 302
    made = session.scalars(select(Generation).where(Generation.user_id == buyer.id)).one()
    assert (made.prompt_tags, made.negative_tags) == (["boat", "red cat"], ["rain"])


def test_the_plain_form_names_the_korean_word_that_it_does_not_know(session, buyer_client, style):
    form = order_form(Page(buyer_client.get(f"/styles/{style.id}")), prompt_tags="배, 꽈배기")
    page = Page(buyer_client.post(f"/styles/{style.id}/generate", data=form))
    assert "“꽈배기” is not in our Korean dictionary." in page.text
    assert "(꽈배기)" not in page.text
    assert page.all("input", name="prompt_tags")[0]["value"] == "배, 꽈배기"
    assert session.scalar(select(func.count()).select_from(Generation)) == 0


def test_the_name_in_the_licence_is_ordered_by_the_form_and_on_the_certificate(
    session, client, buyer_client, buyer, style, finish
):
    page = Page(buyer_client.get(f"/styles/{style.id}"))
    form = order_form(page, legal_name="Harbour Tea Ltd.")
    assert buyer_client.post(f"/styles/{style.id}/generate", data=form).status_code == 302
    made = session.scalars(select(Generation).where(Generation.user_id == buyer.id)).one()
    image = finish(made, is_public=True)
    text = Page(client.get(f"/l/{image.license_public_id}")).text
    assert "Name in the licence Harbour Tea Ltd." in text


def test_a_form_without_its_token_orders_nothing(session, buyer_client, style):
    form = order_form(Page(buyer_client.get(f"/styles/{style.id}")), csrf_token="forged")
    buyer_client.csrf_token = None
    answer = buyer_client.post(f"/styles/{style.id}/generate", data=form)
    assert answer.status_code == 403
    assert session.scalar(select(func.count()).select_from(Generation)) == 0


def test_too_few_tokens_keep_the_form_as_it_was(session, buyer_client, buyer, style):
    making.take_tokens(session, buyer.id, 95)
    session.commit()
    form = order_form(
        Page(buyer_client.get(f"/styles/{style.id}")),
        prompt_tags="castle",
        count="3",
        seen_total="30",
    )
    answer = buyer_client.post(f"/styles/{style.id}/generate", data=form)
    page = Page(answer)
    assert answer.status_code == 402
    assert page.all("input", name="prompt_tags")[0]["value"] == "castle"
    assert {each["value"] for each in page.all("input", name="next")} == {f"/styles/{style.id}"}
    assert "checked" in page.all("input", name="count", value="3")[0]
    assert [each for each in page.all("div", id="problem") if "hidden" not in each]
    assert session.scalar(select(func.count()).select_from(Generation)) == 0


@pytest.mark.parametrize(
    "wrong", [{"prompt_tags": " , "}, {"seed": "many"}, {"count": "9"}, {"style_strength": "2"}]
)
def test_a_wrong_field_is_told_and_orders_nothing(session, buyer_client, style, wrong):
    form = order_form(Page(buyer_client.get(f"/styles/{style.id}")), **wrong)
    assert buyer_client.post(f"/styles/{style.id}/generate", data=form).status_code == 422
    assert session.scalar(select(func.count()).select_from(Generation)) == 0


def test_the_plain_form_counts_in_the_limit_of_images(
    bind, storage, monkeypatch, session, buyer, style
):
    from tests.webapp.conftest import make_app, signed_in_client

    app = bind(make_app(monkeypatch, RATE_LIMITS_ENABLED="1", REDIS_URL="redis://127.0.0.1:1/0"))
    client = signed_in_client(app, session, buyer)
    for status in (302, 429):
        form = order_form(Page(client.get(f"/styles/{style.id}")), count="4", seen_total="40")
        assert client.post(f"/styles/{style.id}/generate", data=form).status_code == status


def posted(client, style, **changes):
    """The answer to the plain form of a style's page, filled in."""
    form = order_form(Page(client.get(f"/styles/{style.id}")), **changes)
    return client.post(f"/styles/{style.id}/generate", data=form), form


def shown(page, tag, **wanted):
    return [each for each in page.all(tag, **wanted) if "hidden" not in each]


def images_ordered(session):
    return session.scalar(select(func.count()).select_from(Generation))


def test_the_plain_form_names_unknown_words_before_anything_is_charged(
    session, buyer_client, style
):
    answer, form = posted(buyer_client, style, prompt_tags="dragon, boat, wyvern", count="2")
    page = Page(answer)
    assert answer.status_code == 200
    assert "may not be recognised: dragon, wyvern" in page.text
    assert shown(page, "p", id="unknown")
    assert images_ordered(session) == 0

    names = ("prompt_tags", "seen_unknown", "seen_total")
    kept = {name: page.all("input", name=name)[0]["value"] for name in names}
    assert kept == {
        "prompt_tags": "dragon, boat, wyvern",
        "seen_unknown": "dragon, wyvern",
        "seen_total": "20",
    }
    again = buyer_client.post(f"/styles/{style.id}/generate", data=form | kept)
    assert again.status_code == 302
    assert images_ordered(session) == 2


def test_other_unknown_words_than_those_that_were_named_are_named_too(session, buyer_client, style):
    answer, _ = posted(buyer_client, style, prompt_tags="boat, dragon", seen_unknown="wyvern")
    assert "may not be recognised: dragon" in Page(answer).text
    assert images_ordered(session) == 0


def test_words_that_nobody_knows_are_refused_by_name_and_stay_in_the_form(
    session, buyer_client, buyer, style
):
    answer, _ = posted(buyer_client, style, prompt_tags="dragon, wyvern", description="Für Oma")
    page = Page(answer)
    assert answer.status_code == 422
    refusal = "This style and the base model know none of these tags. Nothing was charged."
    assert f"{refusal} (dragon, wyvern)" in page.text
    assert page.all("input", name="prompt_tags")[0]["value"] == "dragon, wyvern"
    assert page.all("input", name="description")[0]["value"] == "Für Oma"
    assert images_ordered(session) == 0
    assert making.ledger.spendable(session, buyer.id) == 100


def test_the_same_picture_is_shown_and_sold_again_only_by_its_own_button(
    session, buyer_client, buyer, style
):
    [first] = making.order(session, buyer, style, seed=7)
    session.commit()
    answer, form = posted(buyer_client, style, seed="7")
    page = Page(answer)
    assert answer.status_code == 409
    assert shown(page, "div", id="owned")
    assert f"/g/{first.id}" in page.links()
    assert "You already own this picture" in page.text
    assert not shown(page, "div", id="problem")
    assert images_ordered(session) == 1

    [button] = page.all("button", id="again")
    insisting = form | {button["name"]: button["value"]}
    assert buyer_client.post(f"/styles/{style.id}/generate", data=insisting).status_code == 302
    assert images_ordered(session) == 2


def test_a_picture_lends_its_words_without_the_seed_or_all_of_itself(
    session, buyer_client, buyer, style, finish
):
    [image] = making.order(session, buyer, style, seed=7, negative_tags=["fog"], style_strength=0.8)
    finish(image)
    page = Page(buyer_client.get(f"/styles/{style.id}"))
    words, all_of_it = (
        parse_qs(urlsplit(link["href"]).query) for link in page.all("a") if "data-again" in link
    )
    same = {
        "prompt_tags": ["boat, sea"],
        "negative_tags": ["fog"],
        "aspect_ratio": ["1:1"],
        "style_strength": ["0.8"],
    }
    assert (words, all_of_it) == (same, same | {"seed": ["7"]})
    assert [
        orjson.loads(link["data-again"]).get("seed")
        for link in page.all("a")
        if "data-again" in link
    ] == [None, 7]

    filled = Page(buyer_client.get(f"/styles/{style.id}?prompt_tags=boat,+sea&style_strength=0.8"))
    assert filled.all("input", name="prompt_tags")[0]["value"] == "boat, sea"
    assert filled.all("input", name="seed")[0]["value"] == ""


@pytest.fixture
def example(session, storage, style):
    """Somebody's public picture with excluded words, a title and a seed."""
    owner = making.user(session)
    [made] = making.order(
        session,
        owner,
        style,
        seed=77,
        negative_tags=["fog"],
        aspect_ratio=AspectRatio.PORTRAIT,
        description="Evening at the pier",
        style_strength=0.8,
    )
    making.finish(session, storage, made, is_public=True)
    session.commit()
    return made


def filled(page):
    """The fields of the order that say what is drawn, as they stand in the form."""
    form = order_form(page, prompt_tags=page.all("input", name="prompt_tags")[0]["value"])
    names = ("prompt_tags", "negative_tags", "aspect_ratio", "style_strength", "seed")
    return {name: form[name] for name in (*names, "description", "count")}


EMPTY = {
    "prompt_tags": "",
    "negative_tags": "",
    "aspect_ratio": "1:1",
    "style_strength": "1.0",
    "seed": "",
    "description": "",
    "count": "1",
}
LIKE_EXAMPLE = EMPTY | {
    "prompt_tags": "boat, sea",
    "aspect_ratio": "1:2",
    "style_strength": "0.8",
}


def test_an_order_like_a_picture_has_its_words_and_never_its_seed_or_title(
    client, buyer_client, style, example
):
    for who in (client, buyer_client):
        assert filled(Page(who.get(f"/styles/{style.id}?like={example.id}"))) == LIKE_EXAMPLE


def test_a_visitor_comes_back_from_sign_in_with_the_words(client, buyer_client, style, example):
    page = Page(client.get(f"/styles/{style.id}?like={example.id}"))
    [sign_in] = page.all("a", id="sign-in")
    [back] = parse_qs(urlsplit(sign_in["href"]).query)["next"]
    assert back == f"/styles/{style.id}?like={example.id}#generate"
    assert filled(Page(buyer_client.get(back.partition("#")[0]))) == LIKE_EXAMPLE


def test_an_order_like_a_picture_gets_a_seed_of_its_own(
    session, buyer_client, buyer, style, example
):
    address = f"/styles/{style.id}?like={example.id}"
    page = Page(buyer_client.get(address))
    form = order_form(page) | filled(page)
    assert buyer_client.post(f"/styles/{style.id}/generate", data=form).status_code == 302
    [made] = session.scalars(select(Generation).where(Generation.user_id == buyer.id))
    assert (made.prompt_tags, made.negative_tags, made.aspect_ratio) == (
        example.prompt_tags,
        [],
        example.aspect_ratio,
    )
    assert made.seed != example.seed
    assert made.description == ""


def test_another_one_of_ones_own_is_new_and_the_same_one_is_still_refused(
    session, buyer_client, buyer, style
):
    [first] = making.order(session, buyer, style, seed=7)
    session.commit()
    page = Page(buyer_client.get(f"/styles/{style.id}?like={first.id}"))
    form = order_form(page) | filled(page)
    post = f"/styles/{style.id}/generate"
    assert buyer_client.post(post, data=form).status_code == 302
    seeds = session.scalars(select(Generation.seed).where(Generation.user_id == buyer.id)).all()
    assert len(set(seeds)) == len(seeds) == 2
    same = order_form(Page(buyer_client.get(f"/styles/{style.id}?like={first.id}")), seed="7")
    assert buyer_client.post(post, data=same).status_code == 409
    assert images_ordered(session) == 2


@pytest.mark.parametrize("columns", [{"is_public": False}, {"is_flagged": True}])
def test_a_picture_that_is_not_shown_fills_nothing_in(
    session, client, buyer_client, style, example, columns
):
    session.execute(update(Generation).values(**columns))
    session.commit()
    for who in (client, buyer_client):
        answer = who.get(f"/styles/{style.id}?like={example.id}")
        assert (answer.status_code, filled(Page(answer))) == (200, EMPTY)


@pytest.mark.parametrize("like", ["", "0", "-1", "x", "1e3", "٣", "9" * 18, "9" * 19, "9" * 400])
def test_an_unknown_picture_fills_nothing_in(client, style, like):
    answer = client.get(f"/styles/{style.id}", query_string={"like": like})
    assert (answer.status_code, filled(Page(answer))) == (200, EMPTY)


def test_a_picture_of_another_style_fills_nothing_in(session, storage, client, example):
    other = making.style(session, storage)
    session.commit()
    assert filled(Page(client.get(f"/styles/{other.id}?like={example.id}"))) == EMPTY


def test_a_style_that_is_no_longer_sold_lends_no_words(session, client, style, example):
    style.valid_from, style.valid_to = TODAY - timedelta(days=2), TODAY - timedelta(days=1)
    session.commit()
    answer = client.get(f"/styles/{style.id}?like={example.id}")
    assert "fog" not in answer.text
    assert Page(answer).all("form", id="order") == []
    assert f"/styles/{style.id}?like={example.id}#generate" not in Page(answer).links()


# ── the gallery of a style ───────────────────────────────────────────────────────────────────


def pictures_shown(page):
    return [
        int(each["id"].removeprefix("picture-"))
        for each in page.all("li")
        if each.get("id", "").startswith("picture-")
    ]


@pytest.fixture
def wall(session, storage, buyer, style, finish):
    """Twenty-three public pictures in the style, the newest last; one of another style."""
    making.ledger.grant(session, buyer.id, 1000, key="for a wall")
    other = making.style(session, storage)
    finish(making.order(session, buyer, other)[0], is_public=True)
    made = [making.order(session, buyer, style)[0] for _ in range(23)]
    return [finish(each, is_public=True).id for each in made]


def test_a_style_shows_its_public_pictures_and_leads_on(client, style, wall):
    address = f"/styles/{style.id}"
    page = Page(client.get(address))
    assert pictures_shown(page) == wall[::-1][:20]
    assert "#pictures" in page.links()
    [more] = [link for link in page.links() if "cursor=" in link]
    assert more.endswith("#pictures")
    following = Page(client.get(more.partition("#")[0]))
    assert pictures_shown(following) == wall[::-1][20:]
    assert f"{address}?sort=popular#pictures" in following.links()
    assert "Back to the first page" in following.text
    piece = Page(client.get(more.partition("#")[0], headers=FRAGMENT))
    assert pictures_shown(piece) == wall[::-1][20:]
    assert piece.all("section") == []


def test_the_pictures_of_a_style_are_sorted_by_likes(session, client, style, wall):
    session.execute(update(Generation).where(Generation.id == wall[4]).values(like_count=9))
    session.commit()
    page = Page(client.get(f"/styles/{style.id}?sort=popular"))
    assert pictures_shown(page)[0] == wall[4]
    [chosen] = page.all("a", id="pictures-popular")
    assert chosen["aria-current"] == "true"
    piece = Page(client.get(chosen["hx-get"], headers=FRAGMENT))
    assert pictures_shown(piece)[0] == wall[4]
    assert piece.all("section", id="pictures")
    assert piece.all("html") == piece.all("form", id="order") == []


def test_visitors_see_the_most_liked_pictures_of_a_style_first_and_others_the_newest(
    session, client, buyer_client, style, wall
):
    session.execute(update(Generation).where(Generation.id == wall[4]).values(like_count=9))
    session.commit()
    address = f"/styles/{style.id}"
    assert pictures_shown(Page(client.get(address)))[0] == wall[4]
    assert pictures_shown(Page(buyer_client.get(address)))[0] == wall[-1]
    assert pictures_shown(Page(client.get(f"{address}?sort=recent")))[0] == wall[-1]
    for who, first in ((client, "popular"), (buyer_client, "recent")):
        tabs = [each for each in Page(who.get(address)).all("a") if "hx-get" in each]
        assert tabs[0]["id"] == f"pictures-{first}"
        assert tabs[0]["aria-current"] == "true"


def test_a_card_of_a_style_is_called_by_its_title_or_words_and_lends_them(
    session, client, style, wall
):
    session.execute(
        update(Generation).where(Generation.id == wall[-1]).values(description="At the pier")
    )
    session.commit()
    page = Page(client.get(f"/styles/{style.id}"))
    assert page.text.count("At the pier") == 1
    assert page.text.count("boat, sea") == 19
    for image_id in wall[::-1][:20]:
        assert f"/styles/{style.id}?like={image_id}#generate" in page.links()


def test_a_style_without_public_pictures_says_so(client, style, ordered, finish):
    finish(ordered)
    page = Page(client.get(f"/styles/{style.id}"))
    assert pictures_shown(page) == []
    assert "No public pictures in this style yet." in page.text


def test_a_wrong_cursor_of_the_gallery_is_told(client, style):
    assert client.get(f"/styles/{style.id}?cursor=broken").status_code == 422


def test_nobody_gets_the_gallery_of_a_style_that_is_not_shown(session, client, style, wall):
    style.is_active = False
    session.commit()
    for headers in ({}, FRAGMENT):
        assert client.get(f"/styles/{style.id}", headers=headers).status_code == 404


# ── samples ──────────────────────────────────────────────────────────────────────────────────


def test_a_sample_fills_its_words_in_by_a_link_and_for_scripts(session, storage, client):
    style = making.trained(session, storage, steps=(50,))
    keys = [f"samples/{style.id}-{place}.webp" for place in range(4)]
    session.execute(update(Checkpoint).values(sample_keys=keys, thumbnail_keys=keys))
    session.execute(update(Artwork).values(tags=[style.tags[0], "boat", "deep sea"]))
    making.put_on_sale(session, style, cover=1)
    session.commit()
    page = Page(client.get(f"/styles/{style.id}"))
    links = page.all("a", **{"class": "sample-words"})
    assert len(links) == 4
    assert orjson.loads(links[0]["data-again"]) == {
        "prompt_tags": ["boat", "deep sea"],
        "negative_tags": [],
        "aspect_ratio": "1:1",
        "style_strength": 1.0,
    }
    address, _, anchor = links[0]["href"].partition("#")
    assert anchor == "generate"
    assert filled(Page(client.get(address))) == EMPTY | {"prompt_tags": "boat, deep sea"}
    style.valid_from, style.valid_to = TODAY - timedelta(days=2), TODAY - timedelta(days=1)
    session.commit()
    assert Page(client.get(f"/styles/{style.id}")).all("a", **{"class": "sample-words"}) == []


def test_samples_are_compared_with_pictures_of_the_same_tags_without_the_style(
    session, storage, client
):
    style = making.trained(session, storage, steps=(50,))
    making.put_on_sale(session, style, cover=1)
    session.commit()
    answer = client.get(f"/api/v1/styles/{style.id}").json["data"]
    pairs = zip(answer["base_sample_images"], answer["sample_images"], strict=True)
    page = Page(client.get(f"/styles/{style.id}"))
    assert len(page.all("details", id="comparison")) == 1
    compared = [each["src"] for each in page.all("img", width="384")]
    assert compared == [address for pair in pairs for address in pair]


def test_a_style_whose_samples_without_it_are_unknown_has_no_comparison(client, style):
    assert Page(client.get(f"/styles/{style.id}")).all("details", id="comparison") == []


def test_enter_in_a_field_of_the_order_buys_nothing(buyer_client, style):
    page = Page(buyer_client.get(f"/styles/{style.id}"))
    assert enter_presses(page, f"/styles/{style.id}/generate") == {"disabled": "", "hidden": ""}


def test_own_pictures_of_every_state_hang_where_they_were_asked_for(
    session, buyer_client, buyer, style, finish
):
    making.ledger.grant(session, buyer.id, 100, key="more")
    done, waiting = (making.order(session, buyer, style)[0] for _ in range(2))
    finish(done)
    tiles = Page(buyer_client.get(f"/styles/{style.id}")).all("li")
    states = {each["data-id"]: each["data-status"] for each in tiles if "data-status" in each}
    assert states == {str(done.id): "completed", str(waiting.id): "queued"}


def test_nobody_sees_a_style_that_is_still_learned(client, buyer_client, run):
    assert client.get(f"/styles/{run.style_id}").status_code == 404
    assert buyer_client.get(f"/styles/{run.style_id}/training").status_code == 404


def test_the_artist_sees_stage_percent_epoch_time_curve_and_samples(owner_client, run):
    page = Page(owner_client.get(f"/styles/{run.style_id}"))
    assert "42 %" in page.text
    assert "epoch 42 of 100" in page.text
    assert "about 2 minutes left" in page.text
    assert "close this page" in page.text
    assert page.all("li", **{"class": "now"}) == [{"class": "now", "aria-current": "step"}]
    [gauge] = [each for each in page.all("div") if "data-losses" in each]
    losses = orjson.loads(gauge["data-losses"])
    assert losses[-1][0] == 999
    assert losses[0][0] == 20  # before, they are not averaged
    assert "at step 999 (0.048 at the start)." in page.text
    assert [700, 1 / 701, 0.5] in losses
    assert len(losses) < 500
    assert len([each for each in page.all("img") if "sample-" in each["src"]]) == 24


def test_the_first_losses_are_shown_while_there_are_no_others(session, owner_client, run):
    run.loss_history = [{"step": step, "loss": 0.5, "held_out_loss": None} for step in (1, 9)]
    session.commit()
    [gauge] = [
        each
        for each in Page(owner_client.get(f"/styles/{run.style_id}")).all("div")
        if "data-losses" in each
    ]
    assert [step for step, *_ in orjson.loads(gauge["data-losses"])] == [1, 9]


@pytest.mark.parametrize(
    "publish, stage",
    [("by_artist", "Signing samples"), ("when_trained", "Signing samples, publishing")],
)
def test_the_last_stage_publishes_only_what_is_put_on_sale_then(
    session, owner_client, run, publish, stage
):
    session.execute(update(Style).where(Style.id == run.style_id).values(publish=publish))
    session.commit()
    page = Page(owner_client.get(f"/styles/{run.style_id}"))
    assert stage in [each.strip() for each in page.texts]


def test_the_live_piece_is_only_the_piece(owner_client, run):
    answer = owner_client.get(f"/styles/{run.style_id}/training", headers={"HX-Request": "true"})
    assert Page(answer).all("progress", value="42")
    assert Page(answer).all("html") == []
    assert "HX-Refresh" not in answer.headers


def test_the_live_piece_reloads_the_page_at_the_end(session, owner_client, run):
    session.execute(
        update(Style).where(Style.id == run.style_id).values(training_status=TrainingStatus.FAILED)
    )
    session.commit()
    answer = owner_client.get(f"/styles/{run.style_id}/training", headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"


def test_the_live_piece_of_a_lost_session_leads_to_sign_in(client, run):
    page = f"/styles/{run.style_id}"
    asked = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{page}"}
    answer = client.get(f"{page}/training", headers=asked)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/login?next={page}")


def test_a_failed_training_says_what_happened_what_it_cost_and_what_to_do(
    session, owner_client, run
):
    session.execute(
        update(Style).where(Style.id == run.style_id).values(training_status=TrainingStatus.FAILED)
    )
    session.execute(update(TrainingRun).values(failure_cause="GPU_OOM", failure_message="inside"))
    session.commit()
    text = Page(owner_client.get(f"/styles/{run.style_id}")).text
    assert "Out of memory" in text
    assert "Nothing. Training is free" in text
    assert "start the training again" in text
    assert "inside" not in text


def test_an_artist_finds_the_own_styles_in_the_catalogue(owner_client, run):
    page = Page(owner_client.get("/styles"))
    assert f"/styles/{run.style_id}" in page.links()
    assert "Training · 42 %" in page.text


# ── Discover ─────────────────────────────────────────────────────────────────────────────────


def on_sale(session, name, words=(), artist_name=None, **columns):
    """A style of a new artist whose tags count as used."""
    made = making.style(session, name=name, tags=[name.lower(), *words], **columns)
    if artist_name:
        session.get(Artist, made.artist_id).artist_name = artist_name
    tags.count_use(session, made.tags)
    session.commit()
    return made


def offered(page):
    """The styles whose cards are shown, in order."""
    links = [link for link in page.links() if link.startswith("/styles/")]
    return list(dict.fromkeys(int(link.rsplit("/", 1)[1]) for link in links if link[8:].isdigit()))


def test_a_search_shows_what_it_found_by_kind(client, session):
    by_name = on_sale(session, "Ink Harbor", ["pier"], artist_name="Han")
    by_tag = on_sale(session, "Night", ["harbor"], artist_name="Mina Harbor")
    page = Page(client.get("/styles?q=harbor"))
    assert offered(page) == [by_tag.id, by_name.id]
    assert f"/users/{by_tag.artist_id}" in page.links()
    assert "Mina Harbor" in page.text
    assert "/styles?tags=harbor" in page.links()
    assert page.all("input", name="q")[0]["value"] == "harbor"


def test_artists_are_found_by_their_korean_names(client, session):
    style = on_sale(session, "Ink", artist_name="한 강물")
    page = Page(client.get("/styles", query_string={"q": "강물"}))
    assert f"/users/{style.artist_id}" in page.links()


def test_what_is_typed_brings_only_what_was_found_and_says_how_much(client, session):
    on_sale(session, "Ink Harbor", artist_name="Han")
    piece = Page(client.get("/styles?q=harbor", headers=FRAGMENT))
    assert piece.all("html") == []
    assert piece.all("form", role="search") == []
    assert "Results: styles 1, artists 0, tags 1" in piece.text


def test_a_search_that_is_deleted_brings_the_whole_choice_back(client, session):
    style = on_sale(session, "Ink Harbor")
    piece = Page(client.get("/styles?q=", headers=FRAGMENT))
    assert piece.all("html") == []
    assert offered(piece) == [style.id]
    assert piece.all("nav", **{"class": "tabs"})


def test_many_found_styles_lead_on_within_their_kind(client, session):
    made = [on_sale(session, f"Harbor {number:02}", usage_count=number).id for number in range(30)]
    page = Page(client.get("/styles?q=harbor"))
    assert offered(page) == made[::-1][:8]
    [more] = [link for link in page.links() if "cursor=" in link]
    piece = Page(client.get(more, headers=FRAGMENT))
    assert offered(piece) == made[::-1][8:28]
    assert piece.all("h2") == []
    assert offered(Page(client.get(more))) == offered(piece)


def test_many_found_artists_lead_on_within_their_kind(client, session):
    made = {on_sale(session, f"Ink {n:02}", artist_name=f"Han {n:02}").artist_id for n in range(10)}
    page = Page(client.get("/styles?q=han"))
    [more] = [link for link in page.links() if "cursor=" in link]
    people = {link for each in (page, Page(client.get(more))) for link in each.links()}
    assert {f"/users/{artist_id}" for artist_id in made} <= people


def test_a_search_that_finds_nothing_leads_on(client):
    page = Page(client.get("/styles?q=<nothing>%20harbor"))
    assert "No results for" in page.text
    assert "/styles?sort=popular" in page.links()
    assert page.all("input", id="max-price") == []


def test_a_price_that_nothing_is_below_can_be_changed(client, session):
    on_sale(session, "Harbor")
    page = Page(client.get("/styles?q=nothing&max_price=1"))
    assert page.all("input", id="max-price")[0]["value"] == "1"


def test_a_korean_search_shows_the_styles_and_tags_of_its_english_word(client, session):
    sea = on_sale(session, "Night", ["sea"])
    page = Page(client.get("/styles?q=바다"))
    assert offered(page) == [sea.id]
    assert "/styles?tags=sea" in page.links()


def test_a_korean_filter_is_shown_in_english(client, session):
    sea = on_sale(session, "Night", ["sea"])
    page = Page(client.get("/styles?tags=바다"))
    assert offered(page) == [sea.id]
    assert page.all("a", **{"class": "chip chosen"})[0]["aria-label"] == "Remove filter sea"


def test_too_long_a_search_is_told_in_words(client):
    answer = client.get("/styles", query_string={"q": "x" * 101})
    assert answer.status_code == 422
    assert Page(answer).all("h1")


def test_popular_words_lead_to_styles_and_can_be_taken_off(client, session):
    boat = on_sale(session, "Ink Harbor", ["boat", "sea"])
    on_sale(session, "Night", ["sea"])
    tags.count_use(session, ["castle"])  # people made images of it, but no style was trained on it
    page = Page(client.get("/styles"))
    chips = [link["href"] for link in page.all("a", **{"class": "chip"}) if "tags" in link["href"]]
    assert chips == ["/styles?tags=sea", "/styles?tags=boat"]
    narrowed = Page(client.get("/styles?tags=boat"))
    assert offered(narrowed) == [boat.id]
    assert "/styles?tags=boat&tags=sea" in narrowed.links()
    [chosen] = narrowed.all("a", **{"class": "chip chosen"})
    assert chosen["href"] == "/styles?"


def test_words_that_no_style_carries_lead_to_pictures_with_them(client, session, image):
    image.prompt_tags = ["lighthouse"]
    session.commit()
    page = Page(client.get("/styles?tags=lighthouse"))
    assert "/?tags=lighthouse" in page.links()
    assert "/styles?" in page.links()


def test_styles_are_narrowed_by_licence_and_artist(client, session):
    mine = on_sale(session, "Ink Harbor", ["boat"])
    other = on_sale(session, "Night", ["boat"])
    mine.license_type, other.license_type = "personal", "commercial"
    session.commit()
    page = Page(client.get("/styles?sort=recent&tags=boat"))
    narrower = "/styles?sort=recent&tags=boat&license_type=commercial"
    assert narrower in page.links()
    page = Page(client.get(narrower))
    assert offered(page) == [other.id]
    assert "/styles?sort=recent&tags=boat" in page.links()  # without it
    assert "/styles?tags=boat&license_type=commercial" in page.links()  # the other sort keeps it
    page = Page(client.get(f"/styles?artist_id={mine.artist_id}"))
    assert offered(page) == [mine.id]
    assert f"/styles?license_type=personal&artist_id={mine.artist_id}" in page.links()
    empty = Page(client.get(f"/styles?artist_id={mine.artist_id}&license_type=commercial"))
    assert offered(empty) == []
    assert "No styles match these filters." in empty.text
    assert "/styles?" in empty.links()


def test_a_search_keeps_the_chosen_filters_and_finds_by_them(client, session):
    mine = on_sale(session, "Ink Harbor", ["boat"], artist_name="Han")
    for name in ("Ink Night", "Ink City"):
        on_sale(session, name, ["boat"]).license_type = "commercial"
    mine.license_type = "personal"
    session.commit()
    chosen = f"tags=boat&license_type=personal&max_price=500&artist_id={mine.artist_id}"
    page = Page(client.get(f"/styles?{chosen}"))
    fields = {each["name"]: each["value"] for each in page.all("input", type="hidden")}
    assert {f"{name}={value}" for name, value in fields.items()} >= set(chosen.split("&"))

    found = Page(client.get(f"/styles?q=ink&{chosen}"))
    assert offered(found) == [mine.id]
    assert len(found.all("a", **{"class": "chip chosen"})) == 4
    assert f"/styles?q=ink&{chosen.removeprefix('tags=boat&')}" in found.links()
    assert len(offered(Page(client.get("/styles?q=ink")))) == 3

    nothing = Page(client.get(f"/styles?q=harbors&{chosen}"))
    assert offered(nothing) == []
    assert "/styles?q=harbors" in nothing.links()


@pytest.mark.parametrize("narrowed", ["license_type=commercial", "max_price=5", "tags=pier"])
def test_each_filter_narrows_a_search_by_itself_and_is_kept_by_its_next_page(
    client, session, narrowed
):
    made = [on_sale(session, f"Ink {number:02}", ["boat"]) for number in range(12)]
    for each in made[:10]:
        each.license_type, each.price_tokens, each.tags = "commercial", 5, [*each.tags, "pier"]
    for each in made[10:]:
        each.license_type, each.price_tokens = "personal", 50
    session.commit()
    page = Page(client.get(f"/styles?q=ink&{narrowed}"))
    [more] = [link for link in page.links() if "cursor=" in link]
    found = offered(page) + offered(Page(client.get(more, headers=FRAGMENT)))
    assert sorted(found) == [each.id for each in made[:10]]


def test_visitors_see_the_most_used_styles_first_and_people_who_are_signed_in_the_newest(
    client, buyer_client, session
):
    used, new = on_sale(session, "Ink Harbor", usage_count=9), on_sale(session, "Night")
    assert offered(Page(client.get("/styles"))) == [used.id, new.id]
    assert offered(Page(client.get("/styles?sort=recent"))) == [new.id, used.id]
    assert offered(Page(buyer_client.get("/styles"))) == [new.id, used.id]
    assert offered(Page(buyer_client.get("/styles?sort=popular"))) == [used.id, new.id]
    for page in (Page(client.get("/styles")), Page(buyer_client.get("/styles"))):
        [chosen] = [each for each in page.all("a") if each.get("aria-current") == "true"]
        assert chosen["href"] == "/styles?"


def test_the_next_styles_of_a_visitor_stay_in_their_order_after_a_sign_in(
    client, buyer_client, session
):
    made = [on_sale(session, f"Ink {number}", usage_count=9 - number).id for number in range(3)]
    [more] = [link for link in Page(client.get("/styles?limit=2")).links() if "cursor=" in link]
    assert offered(Page(buyer_client.get(more, headers=FRAGMENT))) == made[2:]


def test_the_styles_of_whom_one_follows_have_a_tab_of_their_own(session, buyer, buyer_client):
    mine, other = on_sale(session, "Ink Harbor"), on_sale(session, "Night")
    page = Page(buyer_client.get("/styles?following=true"))
    assert offered(page) == []
    assert "/styles?sort=popular" in page.links()
    follows.follow(session, user=buyer, followed_id=mine.artist_id)
    session.commit()
    assert offered(Page(buyer_client.get("/styles?following=true"))) == [mine.id]
    assert set(offered(Page(buyer_client.get("/styles")))) == {mine.id, other.id}


def test_visitors_have_nobody_to_follow_yet(client):
    assert "/styles?following=true" not in Page(client.get("/styles")).links()
    answer = client.get("/styles?following=true")
    assert answer.headers["Location"] == "/login?next=/styles?following%3Dtrue"


@pytest.mark.parametrize("address", ["/styles", "/styles?q=ink", "/styles?q=boat", "/styles?q=o"])
def test_discovering_asks_the_database_no_more_with_more_to_find(session, artist_client, address):
    counts = []
    for number in range(3):
        on_sale(session, f"Ink Boat {number}", ["boat", "ink"], artist_name=f"Ink {number}")
        with statements(session) as seen:
            assert artist_client.get(address).status_code == 200
        counts.append(len(seen))
    assert counts[1:] == counts[:-1]
    assert counts[0] <= MOST_STATEMENTS


# ── The form of an order ─────────────────────────────────────────────────────────────────────


def test_too_few_tokens_lead_to_the_wallet_and_back_to_the_filled_form(
    session, buyer_client, buyer, style
):
    making.take_tokens(session, buyer.id, 95)
    session.commit()
    form = order_form(
        Page(buyer_client.get(f"/styles/{style.id}")),
        prompt_tags="castle, sea",
        count="3",
        seed="7",
        aspect_ratio=AspectRatio.PORTRAIT,
        seen_total="60",
    )
    page = Page(buyer_client.post(f"/styles/{style.id}/generate", data=form))
    assert "costs 60 tokens and you have 5" in page.text
    [wallet] = [link for link in page.links() if "prompt_tags" in link]
    [back] = parse_qs(urlsplit(wallet).query)["next"]
    assert "csrf" not in back
    again = Page(buyer_client.get(back))
    assert again.all("input", name="prompt_tags")[0]["value"] == "castle, sea"
    assert "checked" in again.all("input", name="count", value="3")[0]
    assert "checked" in again.all("input", name="aspect_ratio", value="1:2")[0]
    assert again.all("input", name="seed")[0]["value"] == "7"


def test_words_are_recommended_as_the_service_ranks_them(session, buyer_client, style, finish):
    for _ in range(3):
        [image] = making.order(session, making.user(session), style, prompt_tags=["castle"])
        finish(image, is_public=True)
    page = Page(buyer_client.get(f"/styles/{style.id}"))
    [box] = [each for each in page.all("div") if "data-suggestions" in each]
    assert orjson.loads(box["data-suggestions"]) == ["castle", "boat"]
    assert [each["value"] for each in page.all("button", **{"class": "chip"})] == [
        "castle",
        "boat",
    ]


@pytest.mark.parametrize("language, shown", [("ko", "배 boat"), ("en", "boat")])
def test_readers_of_korean_see_the_korean_word_of_a_tag(client, session, language, shown):
    style = on_sale(session, "Ink Harbor", ["boat"])
    for path in ("/styles", f"/styles/{style.id}"):
        page = Page(client.get(path, headers={"Accept-Language": language}))
        assert shown in page.text
        assert bool(page.all("span", lang="ko")) is (language == "ko")
    [button] = page.all("button", **{"class": "chip"})
    assert button["value"] == "boat"


def test_a_style_leads_to_the_pictures_and_styles_of_its_artist(client, style):
    links = Page(client.get(f"/styles/{style.id}")).links()
    assert {f"/?artist_id={style.artist_id}", f"/styles?artist_id={style.artist_id}"} <= set(links)


def test_a_style_leads_to_its_artist_whom_one_can_follow(
    session, buyer, buyer_client, client, style
):
    page = Page(buyer_client.get(f"/styles/{style.id}"))
    assert f"/users/{style.artist_id}" in page.links()
    assert page.all("form", action=f"/users/{style.artist_id}/follow")
    follows.follow(session, user=buyer, followed_id=style.artist_id)
    session.commit()
    page = Page(buyer_client.get(f"/styles/{style.id}"))
    assert page.all("form", action=f"/users/{style.artist_id}/unfollow")
    assert "1 follower" in page.text
    assert Page(client.get(f"/styles/{style.id}")).all("form", **{"class": "follow"}) == []


@pytest.mark.parametrize(
    "columns, told",
    [
        ({"valid_to": TODAY - timedelta(days=1)}, "was on sale until"),
        ({"valid_from": TODAY + timedelta(days=2)}, "goes on sale on"),
    ],
)
def test_a_style_outside_its_days_takes_no_orders(session, buyer_client, style, columns, told):
    if "valid_to" in columns:
        style.valid_from = TODAY - timedelta(days=9)
    for name, value in columns.items():
        setattr(style, name, value)
    session.commit()
    page = Page(buyer_client.get(f"/styles/{style.id}"))
    assert page.all("form", id="order") == []
    assert told in page.text


# ── The artist's terms ───────────────────────────────────────────────────────────────────────


def terms(page, **changes):
    """What the form of the terms would send."""
    fields = {
        "csrf_token": page.all("input", name="csrf_token")[0]["value"],
        "description": "Piers in ink.",
        "personal_price": page.all("input", name="personal_price")[0]["value"],
        "commercial_price": page.all("input", name="commercial_price")[0]["value"],
        "valid_to": page.all("input", name="valid_to")[0]["value"],
    }
    return fields | changes


def test_the_artist_changes_the_terms_by_a_plain_form(session, artist_client, style):
    address = f"/styles/{style.id}"
    form = terms(Page(artist_client.get(address)), commercial_price="25", description="New words.")
    until = str(TODAY + timedelta(days=30))
    artist_client.csrf_token = None
    answer = artist_client.post(f"{address}/terms", data=form | {"valid_to": until})
    assert answer.status_code == 303
    page = Page(artist_client.get(answer.headers["Location"]))
    assert "Saved." in page.text
    assert "Make 1 picture · 25 tokens" in page.text
    assert page.all("input", name="valid_to")[0]["value"] == until
    session.refresh(style)
    assert (style.price_tokens, style.description) == (25, "New words.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"commercial_price": "0"},
        {"commercial_price": "10001"},
        {"commercial_price": "many"},
        {"description": " "},
        {"valid_to": "soon"},
        {"valid_to": str(TODAY)},
    ],
)
def test_wrong_terms_are_told_beside_their_field_and_change_nothing(
    session, artist_client, style, wrong
):
    address = f"/styles/{style.id}"
    form = terms(Page(artist_client.get(address)), **{"personal_price": "7"} | wrong)
    answer = artist_client.post(f"{address}/terms", data=form)
    page = Page(answer)
    assert answer.status_code == 422
    [field] = wrong
    bad = [each for each in page.all("input") + page.all("textarea") if "aria-invalid" in each]
    assert [each["name"] for each in bad] == [field]
    assert page.all("p", id=bad[0]["aria-describedby"])
    assert page.all("input", name="personal_price")[0]["value"] == "7"  # as it was sent
    session.refresh(style)
    assert (style.price_tokens, style.license_type) == (10, "commercial")


def test_the_artist_ends_the_sale_and_opens_it_again(session, artist_client, client, style):
    address = f"/styles/{style.id}"

    def press(value):
        answer = artist_client.post(f"{address}/terms", data={"is_active": value})
        assert answer.status_code == 303

    press("false")
    assert client.get(address).status_code == 404
    page = Page(artist_client.get(address))
    assert "Not on sale" in page.text
    assert page.all("form", id="order") == []
    press("true")
    assert client.get(address).status_code == 200


def test_a_second_style_is_not_offered_again_and_the_first_is_named(
    session, storage, artist, artist_client, style
):
    offers.edit(
        session,
        user=session.get(User, artist.user_id),
        style_id=style.id,
        changes={"is_active": False},
    )
    now = making.style(session, storage, of=artist)
    session.commit()
    answer = artist_client.post(f"/styles/{style.id}/terms", data={"is_active": "true"})
    assert answer.status_code == 403
    assert f"/styles/{now.id}" in Page(answer).links()


def test_only_the_artist_finds_the_terms_and_what_the_style_earned(
    session, artist_client, buyer_client, buyer, style, finish
):
    finish(making.order(session, buyer, style)[0])
    address = f"/styles/{style.id}"
    assert "Earned 10 tokens" in Page(artist_client.get(address)).text
    page = Page(buyer_client.get(address))
    assert page.all("section", id="terms") == []
    form = terms(Page(artist_client.get(address)), csrf_token=buyer_client.csrf_token)
    assert buyer_client.post(f"{address}/terms", data=form).status_code == 403


def test_an_administrator_may_look_and_change_nothing(session, sign_in, style):
    client = sign_in(making.user(session, role="admin"))
    assert Page(client.get(f"/styles/{style.id}")).all("section", id="terms") == []


@pytest.mark.parametrize("who", ["artist_client", "buyer_client", "client"])
def test_the_page_of_a_style_asks_as_often_as_it_may(
    request, session, storage, buyer, style, finish, who
):
    looking = request.getfixturevalue(who)
    for _ in range(2):
        image = finish(making.order(session, buyer, style)[0], is_public=True)
    with statements(session) as seen:
        assert looking.get(f"/styles/{style.id}?like={image.id}").status_code == 200
    assert len(seen) <= MOST_STATEMENTS
