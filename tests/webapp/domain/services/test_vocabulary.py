import pytest

from tests import making
from webapp.domain.models.style import Artwork
from webapp.domain.services import vocabulary


def work(session, style, idx, *words, **columns):
    defaults = {
        "filename": "x.png",
        "upload_key": f"uploads/{style.id}-{idx}",
        "declared_size": 1,
        "content_type": "image/png",
        "status": "valid",
    }
    session.add(Artwork(style_id=style.id, idx=idx, tags=list(words), **defaults | columns))
    session.flush()


@pytest.fixture
def style(session):
    return making.style(session, tags=["ink harbor", "stone bridge"])


@pytest.mark.parametrize(
    "tags, unknown, is_any_known",
    [
        (["cat", "moon"], [], True),
        (["kittens", "ships of the sea", "a large house"], [], True),  # plurals, synonyms
        (["dragon", "cat"], ["dragon"], True),
        (["red dragon"], ["red dragon"], True),  # the colour is known
        (["dragon", "wyvern"], ["dragon", "wyvern"], False),
        (["the", "of a"], ["the", "of a"], False),  # says nothing at all
        (["stone bridge"], [], True),  # the style's own
        (["bridge"], [], True),
        (["wooden bridge"], ["wooden bridge"], True),
        (["ink harbor"], [], True),  # its name
        ([], [], False),
    ],
)
def test_words_are_known_to_the_base_or_to_the_style(session, style, tags, unknown, is_any_known):
    found = vocabulary.recognise(session, style, tags)
    assert (found.unknown_tags, found.is_any_known) == (unknown, is_any_known)


def test_a_style_knows_the_words_of_the_works_it_was_trained_on(session, style):
    work(session, style, 0, "lighthouse")
    work(session, style, 1, "fog", status="rejected", code="IMAGE_CORRUPT")
    work(session, style, 2, "mud", is_removed=True)
    found = vocabulary.recognise(session, style, ["lighthouse", "fog", "mud"])
    assert found.unknown_tags == ["fog", "mud"]
    assert found.is_any_known


def test_words_of_another_style_do_not_help(session, style):
    other = making.style(session, tags=["other", "dragon"])
    assert vocabulary.recognise(session, style, ["dragon"]).unknown_tags == ["dragon"]
    assert vocabulary.recognise(session, other, ["dragon"]).unknown_tags == []


def test_a_base_that_spells_words_knows_all_of_them(session):
    style = making.style(session, base_model="sd15")
    assert vocabulary.recognise(session, style, ["dragon"]).unknown_tags == []
