"""Styles of other weights: refused before anything is charged, their artists told."""

from contextlib import nullcontext

import pytest
from sqlalchemy import select, text

from tests import making
from webapp.domain.errors import InvalidTransition, StyleOutdated
from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import ArtworkStatus, Tag, TrainingStatus
from webapp.domain.services import base_models, ledger, styles, tags

OLD, NEW = "a" * 64, "b" * 64


def told(session):
    return session.execute(
        select(Notification.type, Notification.recipient_id, Notification.target_id).order_by(
            Notification.id
        )
    ).all()


@pytest.fixture
def outdated(session, storage):
    """A style of weights that were replaced."""
    style = making.style(session, storage, base_model_sha256=OLD)
    base_models.record_loaded(session, "built-in", OLD)
    base_models.record_loaded(session, "built-in", NEW)
    return style


def test_an_order_in_an_outdated_style_is_refused_and_nothing_is_charged(session, outdated):
    buyer = making.user(session)
    with pytest.raises(StyleOutdated) as caught:
        making.order(session, buyer, outdated)
    assert caught.value.details == {"style_id": outdated.id}
    assert ledger.spendable(session, buyer.id) == 100
    assert not session.scalars(select(Generation)).all()
    assert not session.scalars(select(Transfer).where(Transfer.kind == "hold")).all()


@pytest.mark.parametrize(
    "trained_on, loaded", [(OLD, OLD), (None, NEW), (OLD, None)], ids=["same", "unknown", "no news"]
)
def test_a_style_is_sold_while_nothing_speaks_against_it(session, storage, trained_on, loaded):
    style = making.style(session, storage, base_model_sha256=trained_on)
    if loaded is not None:
        base_models.record_loaded(session, "built-in", loaded)
    base_models.record_loaded(session, "another", NEW)
    assert making.order(session, making.user(session), style)


def test_artists_of_styles_on_offer_are_told_once_for_each_change(session, storage, outdated):
    making.style(session, storage, base_model_sha256=NEW)
    making.style(session, storage, base_model_sha256=OLD, is_active=False)
    making.style(session, storage, base_model_sha256=OLD, training_status="pending")
    for sha256 in (NEW, NEW, OLD, NEW):
        base_models.record_loaded(session, "built-in", sha256)
    ours = [each for each in told(session) if each.target_id == outdated.id]
    assert ours == [("style_outdated", outdated.artist_id, outdated.id)]
    assert len(told(session)) == 2  # and the style of the new weights while the old were back


def test_what_is_reported_again_writes_nothing(session, outdated):
    version = text("SELECT xmin::text FROM base_models")
    before = session.scalar(version)
    base_models.record_loaded(session, "built-in", NEW)
    assert session.scalar(version) == before


def test_a_style_from_before_is_known_by_its_file_after_the_first_refusal(session, storage):
    style = making.style(session, storage)
    image = making.order(session, making.user(session), style)[0]
    base_models.record_loaded(session, "built-in", NEW)
    assert not base_models.is_style_outdated(session, style.id)
    for _ in range(2):
        base_models.record_outdated(lambda: nullcontext(session), storage, image.id)
    assert style.base_model_sha256 == making.BASE_SHA256
    assert told(session) == [("style_outdated", style.artist_id, style.id)]
    with pytest.raises(StyleOutdated):
        making.order(session, making.user(session), style)


def test_a_file_that_cannot_be_read_is_told_all_the_same(session, storage):
    style = making.style(session, storage)
    image = making.order(session, making.user(session), style)[0]
    storage.delete(style.adapter_key)
    base_models.record_outdated(lambda: nullcontext(session), storage, image.id)
    assert style.base_model_sha256 is None


def retrain(session, storage, style):
    return styles.retrain(
        session,
        storage,
        artist_id=style.artist_id,
        style_id=style.id,
        remove_artwork_ids=[],
        stored=[],
        files=[],
        request_id="again",
    )


def test_only_an_outdated_style_on_offer_may_be_trained_again(session, storage):
    run = making.training(session, storage, works=10, status=ArtworkStatus.VALID)
    style = session.get_one(styles.Style, run.style_id)
    style.training_status, style.base_model_sha256 = TrainingStatus.COMPLETED, OLD
    style.adapter_sha256 = making.ADAPTER_SHA256
    session.flush()
    base_models.record_loaded(session, "built-in", OLD)
    with pytest.raises(InvalidTransition):
        retrain(session, storage, style)
    base_models.record_loaded(session, "built-in", NEW)
    tags.count_use(session, style.tags)
    retrain(session, storage, style)
    assert set(session.scalars(select(Tag.usage_count))) == {0}
    session.refresh(style)
    assert style.training_status == TrainingStatus.PENDING
