from dataclasses import replace

import pytest
from sqlalchemy import update

from tests import making
from webapp.domain.models.account import Role
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.queries import picture_words
from webapp.domain.queries.picture_words import PictureWords
from webapp.domain.queries.viewing import Viewer

WORDS = PictureWords(["boat", "sea"], [], AspectRatio.PORTRAIT, 0.8)
OWN_WORDS = replace(WORDS, negative_tags=["fog"])


@pytest.fixture
def image(session, storage):
    """A public picture with a title and a seed."""
    made = making.generation(
        session,
        storage,
        negative_tags=["fog"],
        aspect_ratio=AspectRatio.PORTRAIT,
        style_strength=0.8,
        description="Evening at the pier",
        seed=7,
    )
    making.finish(session, storage, made, is_public=True)
    session.refresh(made)
    return made


def words_of(session, image, *, viewer=None, style_id=None):
    return picture_words.of_picture(
        session,
        generation_id=image.id,
        style_id=style_id or image.style_id,
        viewer=viewer or Viewer(),
    )


def test_a_public_picture_lends_its_words_and_neither_its_seed_nor_its_title(session, image):
    assert words_of(session, image) == WORDS
    assert {"seed", "description"}.isdisjoint(PictureWords.__dataclass_fields__)


@pytest.mark.parametrize("columns", [{"is_public": False}, {"is_flagged": True}])
def test_a_private_or_hidden_picture_lends_its_words_to_its_owner_alone(session, image, columns):
    session.execute(update(Generation).values(**columns))
    stranger = Viewer.of(making.user(session))
    administrator = Viewer.of(making.user(session, role=Role.ADMIN))
    for viewer in (Viewer(), stranger, administrator):
        assert words_of(session, image, viewer=viewer) is None
    assert words_of(session, image, viewer=Viewer(image.user_id)) == OWN_WORDS


def test_the_excluded_words_of_a_public_picture_are_for_its_owner_alone(session, image):
    assert words_of(session, image, viewer=Viewer.of(making.user(session))) == WORDS
    assert words_of(session, image, viewer=Viewer(image.user_id)) == OWN_WORDS


def test_a_picture_lends_nothing_to_another_style(session, storage, image):
    other = making.style(session, storage)
    owner = Viewer(image.user_id)
    assert words_of(session, image, style_id=other.id) is None
    assert words_of(session, image, style_id=other.id, viewer=owner) is None


def test_a_try_out_lends_nothing(session, storage):
    style = making.trained(session, storage)
    made = making.try_out(session, style)
    assert words_of(session, made, viewer=Viewer(style.artist_id)) is None
