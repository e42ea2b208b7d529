import pytest
from sqlalchemy import func, select, update

from tests import making
from webapp.domain import errors, jobs
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.license import Certificate
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Style, Tag
from webapp.domain.queries import (
    generations as generation_queries,
    tags as tag_queries,
    users as user_queries,
)
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import (
    checkpoints,
    claimed_jobs,
    counters,
    generation_refunds,
    generations,
    leaving,
    offers,
    styles,
    try_outs,
)


@pytest.fixture
def style(session, storage):
    return making.trained(session, storage)


@pytest.fixture
def finished(session, storage, style):
    """A try-out that was delivered."""
    made = making.try_out(session, style)
    making.finish(session, storage, made)
    session.refresh(made)
    return made


def transfers(session):
    return session.scalar(
        select(func.count()).select_from(Transfer).where(Transfer.generation_id.is_not(None))
    )


def test_a_try_out_is_free_private_and_drawn_with_the_chosen_checkpoint(session, storage, style):
    kept = checkpoints.of_style(session, style.id)
    made = making.try_out(session, style, step=100)

    assert (made.price_tokens, made.is_public, made.is_try_out) == (0, False, True)
    assert (made.checkpoint_id, made.adapter_sha256) == (kept[1].id, kept[1].adapter_sha256)
    lease = jobs.claim(session, making.job_of(session, made).id, "render_images", 60)
    job = claimed_jobs.claimed_job(session, storage, lease)
    assert kept[1].adapter_key in job.download["adapter"]
    assert transfers(session) == 0
    assert making.violations(session) == []


def test_the_last_checkpoint_is_tried_unless_another_is_named(session, style):
    made = making.try_out(session, style)
    assert made.checkpoint_id == checkpoints.of_style(session, style.id)[-1].id
    with pytest.raises(errors.ValidationFailed) as refused:
        making.try_out(session, style, step=75)
    assert set(refused.value.details["fields"]) == {"checkpoint"}


def test_a_delivered_try_out_pays_nobody_and_has_its_certificate(session, style, finished):
    assert finished.status == "completed"
    assert transfers(session) == 0
    assert session.scalars(select(Certificate.generation_id)).all() == [finished.id]
    told = session.scalars(select(Notification.type).order_by(Notification.id)).all()
    assert told == ["style_trained", "generation_complete"]
    assert making.violations(session) == []


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_a_try_out_that_was_not_made_is_not_counted_and_gives_nothing_back(session, style, end):
    made = making.try_out(session, style)
    run_id = checkpoints.trained_run(session, style.id)
    assert try_outs.left(session, run_id) == try_outs.PER_TRAINING - 1
    if end == "fail":
        making.change_job(session, making.job_of(session, made).id, state="failed")
        generations.fail(session, made.id, "GPU_OOM", "")
    else:
        generations.cancel(session, user_id=made.user_id, generation_id=made.id)
        with pytest.raises(errors.AlreadyCanceled):
            generations.cancel(session, user_id=made.user_id, generation_id=made.id)
    assert try_outs.left(session, run_id) == try_outs.PER_TRAINING
    assert transfers(session) == 0
    assert making.violations(session) == []


def test_only_so_many_are_drawn_per_training(session, style):
    making.try_out(session, style, count=4)
    making.try_out(session, style, count=3, step=50)
    with pytest.raises(errors.TryOutsUsedUp) as refused:
        making.try_out(session, style, count=2)
    assert refused.value.details == {"limit": 8, "left": 1}
    making.try_out(session, style)
    with pytest.raises(errors.TryOutsUsedUp):
        making.try_out(session, style)


@pytest.mark.parametrize("status", ["pending", "training", "completed", "failed"])
def test_only_a_trained_style_is_tried(session, style, status):
    columns = {"adapter_sha256": making.ADAPTER_SHA256, "training_status": status}
    session.execute(update(Style).values(columns))
    session.expire_all()
    with pytest.raises(errors.StyleNotReady):
        making.try_out(session, style)


def test_a_suspended_style_is_not_tried(session, style):
    session.execute(update(Style).values(is_flagged=True))
    session.expire_all()
    with pytest.raises(errors.StyleNotFound):
        making.try_out(session, style)


def test_nobody_else_tries_a_style(session, style):
    stranger = making.user(session)
    with pytest.raises(errors.StyleNotFound):
        making.try_out(session, style, user=stranger)


def test_nobody_buys_a_trained_style(session, style):
    buyer = making.user(session)
    with pytest.raises(errors.StyleNotFound):
        making.order(session, buyer, style)
    with pytest.raises(errors.StyleNotReady):
        making.order(session, session.get(User, style.artist_id), style)


def test_a_try_out_is_shown_to_nobody(session, storage, style, finished):
    with pytest.raises(errors.TryOutPrivate):
        generations.edit(
            session, user_id=finished.user_id, generation_id=finished.id, is_public=True
        )
    making.put_on_sale(session, style)
    with pytest.raises(errors.TryOutPrivate):
        generations.edit(
            session, user_id=finished.user_id, generation_id=finished.id, is_public=True
        )
    for viewer in (Viewer(), Viewer(making.user(session).id)):
        with pytest.raises(errors.GenerationNotFound):
            generations.visible(session, viewer, finished.id)
    with pytest.raises(errors.GenerationNotFound):
        generations.owner_of_completed(session, Viewer(finished.user_id), finished.id)


def test_a_try_out_is_counted_nowhere(session, storage, style, finished):
    making.put_on_sale(session, style)
    session.refresh(style)
    person = Viewer(style.artist_id)
    profile = user_queries.profile(session, storage, user_id=style.artist_id, viewer=person)
    own = generation_queries.own(
        session, storage, user_id=style.artist_id, filters=OwnFilter(), page=PageRequest()
    )
    assert style.usage_count == 0
    assert profile.stats.total_generations == 0
    assert own.results == []
    words = {each.name for each in tag_queries.to_prompt_with(session, style.id, [])}
    assert "sea" not in words  # the try-out's own; the works have the style's name alone
    assert session.scalar(select(Tag.usage_count).where(Tag.name == "sea")) is None
    for counter in counters.COUNTERS:
        assert counters.recount(session, counter)[0] == []


def test_a_try_out_that_is_free_is_not_refunded(session, style, finished):
    admin = making.user(session, role="admin")
    with pytest.raises(errors.TryOutFree):
        generation_refunds.refund_generation(
            session, admin_id=admin.id, generation_id=finished.id, reason="asked for"
        )


def test_a_style_that_was_only_tried_can_be_taken_away(session, style, finished):
    offers.remove(session, user=session.get(User, style.artist_id), style_id=style.id)
    session.refresh(style)
    assert not style.is_active


def test_training_again_waits_for_a_try_out_that_is_being_drawn(session, storage, style):
    made = making.try_out(session, style)

    def retrain():
        return styles.retrain(
            session,
            storage,
            artist_id=style.artist_id,
            style_id=style.id,
            remove_artwork_ids=[],
            stored=[],
            files=[],
            request_id="",
        )

    with pytest.raises(errors.GenerationStillProcessing) as refused:
        retrain()
    assert refused.value.details == {"generation_ids": [made.id]}
    generations.cancel(session, user_id=made.user_id, generation_id=made.id)
    assert retrain()[0].training_status == "pending"


def test_an_artist_who_leaves_takes_checkpoints_and_try_outs_along(session, style, finished):
    person = session.get(User, style.artist_id)
    generation_id = finished.id
    assert leaving.leave(session, user=person, confirm=person.username) == "deleted"
    row = session.get(Generation, generation_id, populate_existing=True)
    assert (row.checkpoint_id, row.image_key, row.prompt_tags) == (None, None, [])
    assert checkpoints.trained_run(session, style.id) is None
    assert making.violations(session) == []
