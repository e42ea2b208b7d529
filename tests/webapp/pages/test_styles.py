import orjson
import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style, TrainingStatus
from webapp.domain.models.training import TrainingRun


@pytest.fixture
def run(session, storage):
    """A training in its second stage, with losses and samples."""
    made = making.training(session, storage, step="train_style")
    made.progress = {
        "current_epoch": 42,
        "total_epochs": 100,
        "progress_percent": 42,
        "estimated_seconds": 130,
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


def test_a_visitor_is_led_to_sign_in_and_back(client, style):
    page = Page(client.get(f"/styles/{style.id}"))
    assert f"/login?next=/styles/{style.id}" in page.links()


@pytest.mark.parametrize("kind", ["personal", "commercial", "exclusive"])
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
        f"/styles/{style.id}/generate", data=order_form(page, count="2", seed="7")
    )
    assert answer.status_code == 302
    made = session.scalars(
        select(Generation).where(Generation.user_id == buyer.id).order_by(Generation.id)
    ).all()
    assert [(each.seed, each.prompt_tags) for each in made] == [
        (7, ["boat", "sea"]),
        (8, ["boat", "sea"]),
    ]


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
        Page(buyer_client.get(f"/styles/{style.id}")), prompt_tags="lighthouse", count="3"
    )
    answer = buyer_client.post(f"/styles/{style.id}/generate", data=form)
    page = Page(answer)
    assert answer.status_code == 402
    assert page.all("input", name="prompt_tags")[0]["value"] == "lighthouse"
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
    form = order_form(Page(client.get(f"/styles/{style.id}")), count="4")
    assert client.post(f"/styles/{style.id}/generate", data=form).status_code == 302
    assert client.post(f"/styles/{style.id}/generate", data=form).status_code == 429


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
    assert "leave this page safely" in page.text
    assert page.all("li", **{"class": "now"}) == [{"class": "now", "aria-current": "step"}]
    [gauge] = [each for each in page.all("div") if "data-losses" in each]
    losses = orjson.loads(gauge["data-losses"])
    assert losses[-1][0] == 999
    assert [700, 1 / 701, 0.5] in losses
    assert len(losses) < 500
    assert len([each for each in page.all("img") if "sample-" in each["src"]]) == 24


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
    answer = client.get(f"/styles/{run.style_id}/training", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/login")


def test_a_failed_training_says_what_happened_what_it_cost_and_what_to_do(
    session, owner_client, run
):
    session.execute(
        update(Style).where(Style.id == run.style_id).values(training_status=TrainingStatus.FAILED)
    )
    session.execute(update(TrainingRun).values(failure_cause="GPU_OOM", failure_message="inside"))
    session.commit()
    text = Page(owner_client.get(f"/styles/{run.style_id}")).text
    assert "ran out of memory" in text
    assert "Nothing. Training is free" in text
    assert "start the training again" in text
    assert "inside" not in text


def test_only_artists_make_styles(client, buyer_client, artist_client):
    assert client.get("/styles/new").headers["Location"] == "/login?next=/styles/new"
    assert buyer_client.get("/styles/new").headers["Location"] == "/become-artist"
    assert artist_client.get("/styles/new").status_code == 200


def test_an_artist_with_a_style_is_told_that_one_may_be_active(artist_client, style):
    assert f"/styles/{style.id}" in Page(artist_client.get("/styles/new")).links()


def test_an_artist_finds_the_own_styles_in_the_catalogue(owner_client, run):
    page = Page(owner_client.get("/styles"))
    assert f"/styles/{run.style_id}" in page.links()
    assert "Learning · 42 %" in page.text
