from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text

from tests import making
from tests.database import at_once
from webapp.domain import jobs, pipelines
from webapp.domain.errors import (
    AlreadyCanceled,
    DuplicatePicture,
    GenerationNotFound,
    InsufficientTokens,
    InvalidTagLanguage,
    InvalidTransition,
    LicenseNotValid,
    PriceChanged,
    StyleNotFound,
    StyleNotReady,
    TagNotAllowed,
    UnknownTags,
    ValidationFailed,
)
from webapp.domain.models.account import User
from webapp.domain.models.generation import AspectRatio, Generation, GenerationStatus, Order
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.license import Certificate
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Style, Tag
from webapp.domain.services import generations, ledger

IMAGE = {
    "image_key": "images/1.png",
    "preview_key": "previews/1.webp",
    "thumbnail_key": "thumbnails/1.webp",
    "image_sha256": "a" * 64,
    "image_size": 1000,
}


@pytest.fixture
def buyer(session):
    return making.user(session)


@pytest.fixture
def style(session):
    return making.style(session)


def count(session, model):
    return session.scalar(select(func.count()).select_from(model))


def complete(session, image):
    pipelines.advance_generation(session, image.id, GenerationStatus.PROCESSING)
    generations.complete(session, image.id, "0f" * 8, **IMAGE)
    session.refresh(image)


def test_an_order_makes_rows_holds_and_jobs_together(session, buyer, style):
    images = making.order(session, buyer, style, count=3, seed=7)

    assert [image.seed for image in images] == [7, 8, 9]
    assert {image.status for image in images} == {GenerationStatus.QUEUED}
    assert len({image.license_public_id for image in images}) == 3
    assert ledger.balances(session, buyer.id) == ledger.Balances(70, 30, 0)
    assert [making.job_of(session, image).state for image in images] == [JobState.QUEUED] * 3
    [order] = session.scalars(select(Order))
    assert (order.count, order.total_price_tokens) == (3, 30)
    assert making.violations(session) == []


def test_seeds_wrap_at_two_to_the_thirty_second(session, buyer, style):
    images = making.order(session, buyer, style, count=2, seed=2**32 - 1)
    assert [image.seed for image in images] == [2**32 - 1, 0]


def test_an_order_without_a_seed_still_gets_neighbouring_ones(session, buyer, style):
    first, second = making.order(session, buyer, style, count=2, seed=None)
    assert second.seed == (first.seed + 1) % 2**32


@pytest.mark.parametrize(
    "ratio, size", [("1:1", (512, 512)), ("2:2", (1024, 1024)), ("1:2", (512, 1024))]
)
def test_each_shape_has_its_size_and_its_own_batches(session, buyer, style, ratio, size):
    [image] = making.order(session, buyer, style, aspect_ratio=AspectRatio(ratio))
    assert (image.width, image.height) == size
    assert making.job_of(session, image).batch_key == f"built-in:{size[0]}x{size[1]}"


def test_price_and_adapter_are_frozen_when_ordered(session, buyer, style):
    [image] = making.order(session, buyer, style)
    style.price_tokens, style.adapter_sha256 = 99, "f" * 64
    session.flush()
    session.refresh(image)

    assert (image.price_tokens, image.adapter_sha256) == (10, making.ADAPTER_SHA256)
    generations.cancel(session, user_id=buyer.id, generation_id=image.id)
    assert ledger.balances(session, buyer.id).spendable == 100


def test_tags_are_kept_normalised(session, buyer, style):
    [image] = making.order(
        session,
        buyer,
        style,
        prompt_tags=["  Old   BOAT ", "old boat", "ﬁsh"],
        negative_tags=["Fog"],
    )
    assert image.prompt_tags == ["old boat", "fish"]
    assert image.negative_tags == ["fog"]


def test_a_style_that_is_not_there_is_not_found(session, buyer, style):
    for change in ({"is_flagged": True}, {"is_active": False, "is_flagged": False}):
        for name, value in change.items():
            setattr(style, name, value)
        session.flush()
        with pytest.raises(StyleNotFound):
            making.order(session, buyer, style)
    style.id = 10**12
    with pytest.raises(StyleNotFound), session.no_autoflush:
        making.order(session, buyer, style)


def test_an_unfinished_style_is_not_ready_for_its_artist_and_not_there_for_others(session, buyer):
    style = making.style(session, training_status="pending", adapter_sha256=None)
    with pytest.raises(StyleNotFound):
        making.order(session, buyer, style)
    with pytest.raises(StyleNotReady) as refused:
        making.order(session, session.get(User, style.artist_id), style)
    assert refused.value.details == {"training_status": "pending"}


@pytest.mark.parametrize("days", [(-10, -1), (1, 10)])
def test_outside_its_licence_period_a_style_is_not_sold(session, buyer, days):
    today = datetime.now(ZoneInfo("Asia/Seoul")).date()
    style = making.style(
        session,
        valid_from=today + timedelta(days=days[0]),
        valid_to=today + timedelta(days=days[1]),
    )
    with pytest.raises(LicenseNotValid):
        making.order(session, buyer, style)


def test_the_last_day_of_a_licence_still_counts(session, buyer):
    style = making.style(session, valid_to=datetime.now(ZoneInfo("Asia/Seoul")).date())
    assert making.order(session, buyer, style)


def test_a_changed_price_is_told_before_anything_is_charged(session, buyer, style):
    with pytest.raises(PriceChanged) as refused:
        making.order(session, buyer, style, expected_price_tokens=9)
    assert refused.value.details == {"price_tokens": 10}
    assert making.order(session, buyer, style, expected_price_tokens=10)


@pytest.mark.parametrize(
    "tags, error",
    [
        ({"prompt_tags": []}, ValidationFailed),
        ({"prompt_tags": [f"tag {n}" for n in range(31)]}, ValidationFailed),
        ({"negative_tags": [f"tag {n}" for n in range(31)]}, ValidationFailed),
        ({"prompt_tags": ["꽈배기"]}, InvalidTagLanguage),
        ({"prompt_tags": ["x" * 51]}, ValidationFailed),
        ({"prompt_tags": ["forbidden"]}, TagNotAllowed),
        ({"negative_tags": ["forbidden"]}, TagNotAllowed),
    ],
)
def test_bad_tags_stop_an_order_before_it_costs_anything(session, buyer, style, tags, error):
    session.add(Tag(name="forbidden", is_flagged=True))
    session.flush()
    with pytest.raises(error):
        making.order(session, buyer, style, **tags)
    assert count(session, Generation) == count(session, Job) == 0


def test_too_little_money_makes_nothing(session, style):
    poor = making.user(session, tokens=25)
    with pytest.raises(InsufficientTokens) as refused:
        making.order(session, poor, style, count=3)
    assert refused.value.details == {"required": 30, "available": 25}
    assert count(session, Generation) == count(session, Order) == 0


def test_an_image_nobody_has_begun_can_be_canceled_for_its_full_price(session, buyer, style):
    [image] = making.order(session, buyer, style)
    canceled = generations.cancel(session, user_id=buyer.id, generation_id=image.id)

    assert canceled.status == GenerationStatus.CANCELED
    assert making.job_of(session, image).state == JobState.CANCELED
    assert ledger.balances(session, buyer.id) == ledger.Balances(100, 0, 0)
    with pytest.raises(AlreadyCanceled):
        generations.cancel(session, user_id=buyer.id, generation_id=image.id)
    assert making.violations(session) == []


def test_what_was_begun_cannot_be_canceled(session, buyer, style):
    [image] = making.order(session, buyer, style)
    jobs.claim(session, making.job_of(session, image).id, "render_images", 60)
    pipelines.advance_generation(session, image.id, GenerationStatus.PROCESSING)

    with pytest.raises(InvalidTransition) as refused:
        generations.cancel(session, user_id=buyer.id, generation_id=image.id)
    assert refused.value.details == {
        "from": "processing",
        "action": "cancel",
        "allowed": ["queued"],
    }


def test_nobody_cancels_anothers_image(session, buyer, style):
    [image] = making.order(session, buyer, style)
    with pytest.raises(GenerationNotFound):
        generations.cancel(session, user_id=style.artist_id, generation_id=image.id)


def test_an_image_waiting_for_its_retry_cannot_be_canceled_and_its_job_lives_on(committed):
    with committed.begin() as session:
        image = making.generation(session)
        lease = jobs.claim(session, making.job_of(session, image).id, "render_images", 60)
        pipelines.advance_generation(session, image.id, GenerationStatus.PROCESSING)
        pipelines.advance_generation(session, image.id, GenerationStatus.RETRYING)
        jobs.retry(session, lease, 30, "TIMEOUT", "")
    with pytest.raises(InvalidTransition), committed.begin() as session:
        generations.cancel(session, user_id=image.user_id, generation_id=image.id)
    with committed() as session:
        assert making.job_of(session, image).state == JobState.QUEUED


def test_a_cancel_and_a_claim_that_race_never_both_win(committed):
    with committed.begin() as session:
        images = making.order(
            session, making.user(session, tokens=400), making.style(session), count=12
        )
        ids = [(image.id, making.job_of(session, image).id, image.user_id) for image in images]

    def cancel(image_id, user_id):
        def run():
            with committed.begin() as mine:
                generations.cancel(mine, user_id=user_id, generation_id=image_id)
            return "canceled"

        return run

    def claim(job_id):
        def run():
            with committed.begin() as mine:
                return "claimed" if jobs.claim(mine, job_id, "render_images", 60) else "stale"

        return run

    results = at_once(
        *[call for image, job, user in ids for call in (cancel(image, user), claim(job))]
    )

    for canceled, claimed in zip(results[::2], results[1::2], strict=True):
        assert (canceled == "canceled") == (claimed == "stale")
    with committed() as session:
        assert making.violations(session) == []


def test_a_failed_image_is_refunded_and_told_once_however_often_it_fails(session, buyer, style):
    [image] = making.order(session, buyer, style)
    for _ in range(3):
        generations.fail(session, image.id, "INVALID_PROMPT", "no")

    session.refresh(image)
    assert (image.status, image.failure_cause) == ("failed", "INVALID_PROMPT")
    assert ledger.balances(session, buyer.id) == ledger.Balances(100, 0, 0)
    [told] = session.scalars(select(Notification))
    assert (told.recipient_id, told.type, told.target_id) == (
        buyer.id,
        "generation_failed",
        image.id,
    )


def test_a_delivered_image_pays_certifies_counts_and_tells_in_one_go(session, buyer, style):
    [image] = making.order(session, buyer, style)
    complete(session, image)

    assert (image.status, image.image_key, image.progress) == ("completed", "images/1.png", None)
    assert image.completed_at
    assert ledger.balances(session, style.artist_id).earned == 10
    assert ledger.balances(session, buyer.id) == ledger.Balances(90, 0, 0)
    session.refresh(style)
    assert style.usage_count == 1
    assert session.scalars(select(Tag)).all() == []  # private: nobody learns its words
    [certificate] = session.scalars(select(Certificate))
    assert certificate.public_id == image.license_public_id
    assert certificate.image_sha256 == "a" * 64
    [told] = session.scalars(select(Notification))
    assert (told.type, told.recipient_id) == ("generation_complete", buyer.id)


def test_a_second_delivery_changes_nothing(session, buyer, style):
    [image] = making.order(session, buyer, style)
    complete(session, image)
    complete(session, image)
    generations.fail(session, image.id, "TIMEOUT", "late")

    session.refresh(image)
    session.refresh(style)
    assert (image.status, style.usage_count) == ("completed", 1)
    assert count(session, Certificate) == count(session, Notification) == 1
    assert (
        len(session.scalars(select(Transfer).where(Transfer.generation_id == image.id)).all()) == 2
    )


def uses(session):
    return {tag.name: tag.image_count for tag in session.scalars(select(Tag))}


def test_the_words_of_an_image_count_only_while_everybody_may_see_it(session, buyer, style):
    [image] = making.order(session, buyer, style)
    complete(session, image)
    seen = []
    for is_public in (True, True, False, False, True):
        generations.edit(session, user_id=buyer.id, generation_id=image.id, is_public=is_public)
        session.expire_all()
        seen.append(uses(session))
    shown, hidden = {"boat": 1, "sea": 1}, {"boat": 0, "sea": 0}
    assert seen == [shown, shown, hidden, hidden, shown]


def test_an_image_shown_many_times_at_once_is_counted_once(committed):
    with committed.begin() as session:
        buyer, style = making.user(session), making.style(session)
        [image] = making.order(session, buyer, style)
        complete(session, image)

    def show():
        with committed.begin() as mine:
            generations.edit(mine, user_id=buyer.id, generation_id=image.id, is_public=True)

    assert at_once(*[show] * 6) == [None] * 6
    with committed() as session:
        assert uses(session) == {"boat": 1, "sea": 1}


def test_an_order_of_which_no_word_is_known_is_refused_and_charges_nothing(session, buyer, style):
    with pytest.raises(UnknownTags) as refused:
        making.order(session, buyer, style, prompt_tags=["Dragon", "the wyvern"])
    assert refused.value.details["tags"] == ["dragon", "the wyvern"]
    assert list(refused.value.details["fields"]) == ["prompt_tags"]
    assert count(session, Order) == count(session, Generation) == 0
    assert ledger.balances(session, buyer.id) == ledger.Balances(100, 0, 0)


def test_one_known_word_is_enough(session, buyer, style):
    [image] = making.order(session, buyer, style, prompt_tags=["dragon", "red wyvern"])
    assert image.prompt_tags == ["dragon", "red wyvern"]


SAME = {"seed": 7, "allow_duplicate": False}


def test_the_same_picture_is_not_sold_twice_unless_the_buyer_insists(session, buyer, style):
    [first] = making.order(session, buyer, style, **SAME)
    with pytest.raises(DuplicatePicture) as refused:
        making.order(session, buyer, style, **SAME, prompt_tags=["Boat", " sea"])
    assert refused.value.details == {"generation_id": first.id, "generation_ids": [first.id]}
    assert ledger.balances(session, buyer.id) == ledger.Balances(90, 10, 0)

    [second] = making.order(session, buyer, style, seed=7, allow_duplicate=True)
    assert second.seed == first.seed
    with pytest.raises(DuplicatePicture) as refused:
        making.order(session, buyer, style, **SAME)
    assert refused.value.details["generation_id"] == first.id


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"prompt_tags": ["sea", "boat"]},
        {"prompt_tags": ["boat"]},
        {"negative_tags": ["fog"]},
        {"aspect_ratio": AspectRatio.PORTRAIT},
        {"style_strength": 0.9},
    ],
)
def test_another_picture_is_sold(session, buyer, style, changes):
    making.order(session, buyer, style, **SAME)
    assert making.order(session, buyer, style, **SAME | changes)


def test_another_buyer_another_style_and_a_newly_trained_one_give_other_pictures(
    session, buyer, style
):
    making.order(session, buyer, style, **SAME)
    assert making.order(session, making.user(session), style, **SAME)
    assert making.order(session, buyer, making.style(session), **SAME)
    style.adapter_sha256 = "f" * 64
    assert making.order(session, buyer, style, **SAME)


@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_what_was_paid_back_may_be_ordered_again(session, buyer, style, end):
    [image] = making.order(session, buyer, style, **SAME)
    if end == "failed":
        generations.fail(session, image.id, "TIMEOUT", "late")
    else:
        generations.cancel(session, user_id=buyer.id, generation_id=image.id)
    assert making.order(session, buyer, style, **SAME)


def test_one_owned_picture_of_several_refuses_the_order_by_name(session, buyer, style):
    owned = making.order(session, buyer, style, **SAME, count=2)
    with pytest.raises(DuplicatePicture) as refused:
        making.order(session, buyer, style, **SAME | {"seed": 6, "count": 4})
    assert refused.value.details["generation_ids"] == [image.id for image in owned]
    assert making.order(session, buyer, style, **SAME | {"seed": 9, "count": 4})


def test_that_a_picture_is_owned_is_said_before_that_tokens_are_missing(session, style):
    poor = making.user(session, tokens=10)
    making.order(session, poor, style, **SAME)
    with pytest.raises(DuplicatePicture):
        making.order(session, poor, style, **SAME)


def test_identical_orders_in_the_same_moment_are_one_order(committed):
    with committed.begin() as session:
        buyer, style = making.user(session), making.style(session)

    def buy():
        try:
            with committed.begin() as mine:
                making.order(mine, mine.get(User, buyer.id), style, **SAME)
        except DuplicatePicture as refused:
            return refused.details["generation_id"]
        return "bought"

    outcomes = at_once(*[buy] * 5)
    with committed() as session:
        [image] = session.scalars(select(Generation))
        assert sorted(map(str, outcomes)) == sorted(["bought", *[str(image.id)] * 4])
        assert ledger.balances(session, buyer.id) == ledger.Balances(90, 10, 0)


def test_orders_without_a_seed_get_different_pictures_every_time(session, style):
    buyer = making.user(session, tokens=500)
    orders = [
        making.order(session, buyer, style, seed=None, count=4, allow_duplicate=False)
        for _ in range(5)
    ]
    seeds = [image.seed for images in orders for image in images]
    assert len(set(seeds)) == len(seeds) == 20


def test_an_artist_buying_the_own_style_pays_themselves(session, style):
    owner = session.get(User, style.artist_id)
    [image] = making.order(session, owner, style)
    complete(session, image)
    assert ledger.balances(session, owner.id) == ledger.Balances(90, 0, 10)


def test_deliveries_of_one_style_in_parallel_lose_no_count_and_never_lock_up(committed):
    with committed.begin() as session:
        buyer, style = making.user(session, tokens=500), making.style(session)
        words = [["sea", "boat"], ["boat", "sea"], ["fog", "boat"], ["sea", "fog"]]
        images = [
            making.order(session, buyer, style, prompt_tags=words[k % 4])[0] for k in range(16)
        ]
        session.execute(text("UPDATE generations SET status = 'processing'"))

    def deliver(image_id):
        def run():
            with committed.begin() as mine:
                generations.complete(mine, image_id, "0f" * 8, **IMAGE)

        return run

    assert at_once(*[deliver(image.id) for image in images]) == [None] * 16
    with committed() as session:
        assert session.get(Style, style.id).usage_count == 16
        assert ledger.balances(session, style.artist_id).earned == 160
