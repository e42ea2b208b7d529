import pytest

from tests import making
from webapp.domain.errors import InvalidTagLanguage, StyleNotFound, ValidationFailed
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.models.job import Job
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import ledger, previews
from webapp.domain.services.previews import OrderPreview


@pytest.fixture
def style(session):
    return making.style(session)


def preview(session, style, viewer, **changes):
    order = {
        "prompt_tags": ["boat", "sea"],
        "negative_tags": [],
        "aspect_ratio": AspectRatio.SQUARE,
        "seed": None,
        "style_strength": 1.0,
        "count": 1,
    }
    return previews.preview(session, viewer=viewer, style_id=style.id, **order | changes)


def test_a_preview_tells_price_unknown_words_and_what_is_owned(session, style):
    buyer = making.user(session)
    images = making.order(session, buyer, style, seed=7, count=2)
    before = ledger.balances(session, buyer.id)
    viewer = Viewer(buyer.id)
    assert preview(
        session, style, viewer, prompt_tags=["Boat", "sea"], seed=6, count=4
    ) == OrderPreview(
        total_price_tokens=40,
        unknown_tags=[],
        is_any_known=True,
        owned_generation_ids=[image.id for image in images],
    )
    assert ledger.balances(session, buyer.id) == before
    assert len(session.query(Generation).all()) == len(session.query(Job).all()) == 2


def test_a_visitor_learns_of_unknown_words_too(session, style):
    making.order(session, making.user(session), style, seed=7)
    answer = preview(session, style, Viewer(), prompt_tags=["dragon"], seed=7)
    assert (answer.unknown_tags, answer.is_any_known) == (["dragon"], False)
    assert preview(session, style, Viewer(), seed=7).owned_generation_ids == []


def test_without_a_seed_nothing_is_owned_in_advance(session, style):
    buyer = making.user(session)
    making.order(session, buyer, style, seed=7)
    assert preview(session, style, Viewer(buyer.id)).owned_generation_ids == []


@pytest.mark.parametrize(
    "tags, error",
    [(["꽈배기"], InvalidTagLanguage), ([f"tag {n}" for n in range(31)], ValidationFailed)],
)
def test_words_that_cannot_be_ordered_are_refused_as_by_the_order(session, style, tags, error):
    with pytest.raises(error):
        preview(session, style, Viewer(), prompt_tags=tags)


@pytest.mark.parametrize(
    "columns", [{"is_active": False}, {"is_flagged": True}, {"training_status": "training"}]
)
def test_of_a_style_that_is_not_shown_nothing_is_told(session, columns):
    with pytest.raises(StyleNotFound):
        preview(session, making.style(session, **columns), Viewer())
