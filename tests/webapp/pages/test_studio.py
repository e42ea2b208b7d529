import orjson
import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain.gains import MeasuredGain
from webapp.domain.models.account import User
from webapp.domain.models.job import JobState
from webapp.domain.models.style import Artwork, Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import rights

ADDRESSES = ["/studio", "/studio/new", "/studio/signature"]
MOST_STATEMENTS = 12


@pytest.fixture
def run(session, storage):
    """A training in its second stage."""
    made = making.training(session, storage, step="train_style")
    session.execute(
        update(Style).where(Style.id == made.style_id).values(training_status="training")
    )
    session.commit()
    return made


@pytest.fixture
def owner_client(session, run, sign_in):
    return sign_in(session.get(User, session.get(Style, run.style_id).artist_id))


def post(client, page, action, **fields):
    """Send a plain form of a page, as a browser without scripts would."""
    tokens = {each["value"] for each in page.all("input", name="csrf_token")}
    assert action in {each.get("action") for each in page.all("form")}
    client.csrf_token, kept = None, client.csrf_token
    answer = client.post(action, data=fields | {"csrf_token": tokens.pop()})
    client.csrf_token = kept
    return answer


def fail(session, run, cause="GPU_OOM", **columns):
    session.execute(
        update(Style).where(Style.id == run.style_id).values(training_status=TrainingStatus.FAILED)
    )
    session.execute(update(TrainingRun).values(failure_cause=cause, **columns))
    making.change_job(session, making.job_of(session, run).id, state="failed")
    session.commit()


def state_of(session, run):
    return session.scalars(
        select(Style.training_status)
        .where(Style.id == run.style_id)
        .execution_options(populate_existing=True)
    ).one()


@pytest.mark.parametrize("address", ADDRESSES)
def test_strangers_are_led_to_the_door(client, buyer_client, address):
    assert client.get(address).headers["Location"] == f"/login?next={address}"
    assert buyer_client.get(address).headers["Location"] == "/become-artist"


def test_the_old_address_of_the_form_still_leads_there(client):
    answer = client.get("/styles/new")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/studio/new")


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_each_room_of_the_studio_is_whole_in_both_languages(artist_client, address, language):
    page = Page(artist_client.get(address, headers={"Accept-Language": language}))
    assert page.all("html")[0]["lang"] == language
    assert page.own_code() == []
    assert len(page.all("h1")) == 1
    assert "{" not in page.text


def test_an_artist_without_styles_is_led_on(artist_client):
    page = Page(artist_client.get("/studio"))
    assert "No styles yet" in page.text
    assert page.links().count("/studio/new") == 1


def test_a_new_style_shows_the_statement_that_will_be_kept(artist_client):
    page = Page(artist_client.get("/studio/new"))
    [form] = page.all("form", id="new-style")
    assert form["data-statement"] == rights.statement("en")
    assert rights.version_of(form["data-statement"]) == rights.VERSION
    assert orjson.loads(form["data-limits"]) == {"least": 10, "most": 100, "tags": 20}
    assert "DUPLICATE_IMAGE" in orjson.loads(form["data-texts"])["codes"]


def test_a_style_on_sale_shows_what_it_earns_and_its_price_can_be_changed(
    session, artist_client, style
):
    page = Page(artist_client.get("/studio"))
    assert "On sale" in page.text
    answer = post(artist_client, page, f"/studio/styles/{style.id}/terms", price_tokens="77")
    assert answer.headers["Location"] == "/studio"
    session.refresh(style)
    assert style.price_tokens == 77


@pytest.mark.parametrize("language", ["en", "ko"])
def test_how_much_of_a_style_was_learned_is_said_in_words_where_it_was_measured(
    session, sign_in, language
):
    measured = making.trained(session, gain=MeasuredGain(0.9, 0.5, 1.0))
    unmeasured = making.trained(session)
    for each in (measured, unmeasured):
        making.put_on_sale(session, each)
        session.execute(
            update(TrainingRun)
            .where(TrainingRun.style_id == each.id)
            .values(metric={"steps": 150, "seconds": 60, "held_out_loss": 0.342})
        )
    session.commit()
    texts = []
    for each in (measured, unmeasured):
        client = sign_in(session.get(User, each.artist_id))
        texts.append(client.get("/studio", headers={"Accept-Language": language}).text)
    palette = {"en": "The palette is learned well.", "ko": "색감을 잘 배웠습니다."}[language]
    assert [palette in text for text in texts] == [True, False]
    assert not any("0.342" in text for text in texts)


@pytest.mark.parametrize("price", ["0", "10001", "many", ""])
def test_a_wrong_price_is_told_and_changes_nothing(session, artist_client, style, price):
    page = Page(artist_client.get("/studio"))
    answer = post(artist_client, page, f"/studio/styles/{style.id}/terms", price_tokens=price)
    assert answer.status_code == 422
    assert "from 1 to 10,000" in Page(answer).text
    session.refresh(style)
    assert style.price_tokens == 10


def test_a_style_is_taken_off_sale_and_offered_again(session, artist_client, style):
    action = f"/studio/styles/{style.id}/terms"
    post(artist_client, Page(artist_client.get("/studio")), action, is_active="false")
    session.refresh(style)
    assert not style.is_active
    page = Page(artist_client.get("/studio"))
    assert "Not on sale" in page.text
    assert "/studio/new" in page.links()
    post(artist_client, page, action, is_active="true")
    session.refresh(style)
    assert style.is_active


def test_nobody_changes_the_terms_of_another(session, sign_in, style):
    stranger = sign_in(session.get(User, making.artist(session).user_id))
    answer = stranger.post(f"/studio/styles/{style.id}/terms", data={"price_tokens": "1"})
    assert answer.status_code == 403
    session.refresh(style)
    assert style.price_tokens == 10


def test_one_style_takes_the_place_and_says_so(artist_client, style):
    page = Page(artist_client.get("/studio/new"))
    assert "You can sell one style at a time" in page.text
    assert page.all("form", id="new-style") == []


def test_files_that_did_not_arrive_are_sent_from_the_studio(artist_client):
    file = {"filename": "pier.png", "size": 1000, "content_type": "image/png"}
    answer = artist_client.post(
        "/api/v1/styles",
        json={"name": "Ink", "description": "Piers.", "price_tokens": 1, "files": [file] * 10},
    )
    style_id = answer.json["data"]["id"]
    assert "Waiting for uploads" in Page(artist_client.get("/studio")).text
    page = Page(artist_client.get("/studio/new"))
    assert page.all("form", id="resume")[0]["data-style"] == str(style_id)
    assert len([each for each in page.all("li") if "data-idx" in each]) == 10
    post(artist_client, page, f"/studio/styles/{style_id}/cancel")
    assert Page(artist_client.get("/studio/new")).all("form", id="new-style")


def test_a_training_is_stopped_and_its_works_stay(session, owner_client, run):
    page = Page(owner_client.get(f"/styles/{run.style_id}"))
    answer = post(owner_client, page, f"/studio/styles/{run.style_id}/cancel")
    assert answer.headers["Location"] == f"/styles/{run.style_id}"
    assert state_of(session, run) == TrainingStatus.FAILED
    assert making.job_of(session, run).state == JobState.CANCELED
    page = Page(owner_client.get(f"/styles/{run.style_id}"))
    assert "You canceled it." in page.text
    assert len(page.all("input", name="remove_artwork_ids")) == 10


def test_nobody_stops_the_training_of_another(session, artist_client, run):
    assert artist_client.post(f"/studio/styles/{run.style_id}/cancel").status_code == 404
    assert state_of(session, run) == TrainingStatus.TRAINING


def test_a_failed_training_starts_again_without_the_works_that_are_ticked(
    session, storage, sign_in
):
    run = making.training(session, storage, works=12, step="train_style")
    fail(session, run)
    owner = sign_in(session.get(User, session.get(Style, run.style_id).artist_id))
    page = Page(owner.get(f"/styles/{run.style_id}"))
    bad = [box["value"] for box in page.all("input", name="remove_artwork_ids")][:2]
    answer = post(
        owner, page, f"/studio/styles/{run.style_id}/retrain", remove_artwork_ids=list(bad)
    )
    assert answer.status_code == 303
    assert state_of(session, run) == TrainingStatus.PENDING
    left = session.scalar(
        select(func.count()).where(Artwork.style_id == run.style_id, ~Artwork.is_removed)
    )
    assert left == 10


def similar_work(session, run, *, last=11):
    session.execute(
        update(Artwork)
        .where(Artwork.style_id == run.style_id, Artwork.idx == last)
        .values(status="rejected", code="SIMILAR_IMAGE", twin_idx=2)
    )
    session.commit()


@pytest.mark.parametrize("accepted", [True, False])
def test_works_that_look_nearly_the_same_are_used_where_their_artist_says_so(
    session, storage, sign_in, accepted
):
    run = making.training(session, storage, works=12, step="train_style")
    fail(session, run)
    similar_work(session, run)
    owner = sign_in(session.get(User, session.get(Style, run.style_id).artist_id))
    page = Page(owner.get(f"/styles/{run.style_id}"))
    assert "work 11.png – Nearly identical to another artwork (work 2.png)" in page.text
    assert page.all("form", id="retrain")[0]["data-similar"] == "1"
    said = {"accept_similar": page.all("input", name="accept_similar")[0]["value"]}
    post(owner, page, f"/studio/styles/{run.style_id}/retrain", **(said if accepted else {}))
    left = session.scalars(
        select(Artwork.idx).where(Artwork.style_id == run.style_id, ~Artwork.is_removed)
    ).all()
    assert len(left) == (12 if accepted else 11)
    accepts = select(TrainingRun.accepts_similar).order_by(TrainingRun.id.desc()).limit(1)
    assert session.scalar(accepts) is accepted


def test_a_training_shows_which_works_it_goes_on_without(session, owner_client, run):
    similar_work(session, run, last=5)
    page = Page(owner_client.get(f"/styles/{run.style_id}"))
    assert "1 artwork is excluded" in page.text
    assert "work 5.png – Nearly identical to another artwork (work 2.png)" in page.text


def test_too_few_works_are_not_trained_again(session, owner_client, run):
    fail(session, run)
    page = Page(owner_client.get(f"/styles/{run.style_id}"))
    boxes = page.all("input", name="remove_artwork_ids")
    answer = post(
        owner_client,
        page,
        f"/studio/styles/{run.style_id}/retrain",
        remove_artwork_ids=boxes[0]["value"],
    )
    assert answer.status_code == 422
    assert state_of(session, run) == TrainingStatus.FAILED


def test_the_end_of_the_log_tells_the_last_losses_and_the_cause(session, owner_client, run):
    history = [{"step": n, "loss": 0.5, "held_out_loss": 0.25} for n in range(20)]
    fail(session, run, loss_history=history)
    page = Page(owner_client.get(f"/styles/{run.style_id}"))
    assert "step 19 training loss 0.5000 validation loss 0.2500" in page.text
    assert "step 11 " not in page.text
    assert "attempt 1: GPU_OOM" in page.text


def test_works_that_were_left_out_say_why(session, owner_client, run):
    session.execute(
        update(Artwork)
        .where(Artwork.style_id == run.style_id, Artwork.idx == 3)
        .values(status="rejected", code="IMAGE_CORRUPT", clean_key=None)
    )
    session.commit()
    text = Page(owner_client.get(f"/styles/{run.style_id}")).text
    assert "work 3.png: The file is damaged" in text


def test_the_axes_of_the_loss_chart_have_titles(session, owner_client, run):
    page = Page(owner_client.get(f"/styles/{run.style_id}"))
    [chart] = page.all("div", id="loss")
    assert (chart["data-step-axis"], chart["data-loss-axis"]) == ("Training step", "Loss")


def test_samples_hang_under_the_step_they_were_drawn_at(session, owner_client, run):
    keys = [f"training/{run.id}/sample-{number}.png" for number in range(6)]
    run.sample_keys = keys
    run.loss_history = [
        {"step": 50, "loss": 0.5, "held_out_loss": 0.4, "sample_keys": keys[:3]},
        {"step": 100, "loss": 0.4, "held_out_loss": 0.3, "sample_keys": keys[3:]},
    ]
    session.commit()
    page = Page(owner_client.get(f"/styles/{run.style_id}"))
    shown = [each["alt"] for each in page.all("img") if "sample-" in each["src"]]
    assert shown == [
        f"Sample {number} of step {step}" for step in (100, 50) for number in (1, 2, 3)
    ]


def test_the_signature_is_moved_by_a_plain_form(session, artist, artist_client):
    page = Page(artist_client.get("/studio/signature"))
    answer = post(
        artist_client,
        page,
        "/studio/signature",
        signature_position="bottom-left",
        signature_size="large",
        signature_opacity="0.5",
    )
    assert answer.status_code == 303
    session.refresh(artist)
    assert (artist.signature_position, artist.signature_size, artist.signature_opacity) == (
        "bottom-left",
        "large",
        0.5,
    )


def test_a_signature_that_could_hardly_be_seen_is_refused(session, artist, artist_client):
    page = Page(artist_client.get("/studio/signature"))
    answer = post(artist_client, page, "/studio/signature", signature_opacity="0.1")
    assert answer.status_code == 422
    assert [each for each in Page(answer).all("div", id="problem") if "hidden" not in each]
    session.refresh(artist)
    assert artist.signature_opacity == 0.7


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_studio_asks_the_database_no_more_with_more_styles(
    session, artist, artist_client, style, address
):
    with statements(session) as before:
        artist_client.get(address)
    for _ in range(5):
        making.style(session, of=artist, is_active=False)
    session.commit()
    with statements(session) as after:
        artist_client.get(address)
    assert len(after) == len(before)
    assert len(after) <= MOST_STATEMENTS
