"""What the studies rely on: good pictures, true words, and nothing that a base model was shown."""

import ast
from pathlib import Path

import numpy as np
import pytest

from gpu.pretrain.vocabulary import WORDS, Thing
from tests.artists.gallery import ARTISTS, draw_works

FOLDER = Path(__file__).parent
ALLOWED = {"numpy", "PIL", "tests", "zlib", "pathlib", "collections"}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", sorted(FOLDER.glob("[!t]*.py")), ids=lambda path: path.stem)
def test_an_artist_knows_nothing_of_the_generator(path):
    for name in imports_of(path):
        assert name.split(".")[0] in ALLOWED
        assert not name.startswith("tests.") or name.startswith("tests.artists")


def test_the_generator_knows_none_of_the_artists():
    for path in (FOLDER.parents[1] / "gpu").rglob("*.py"):
        assert not [name for name in imports_of(path) if name and name.startswith("tests")]


QUICK = "posters"  # drawn in a fraction of the time of others


@pytest.fixture(
    scope="module",
    params=[
        QUICK,
        *(pytest.param(name, marks=pytest.mark.long) for name in sorted(ARTISTS) if name != QUICK),
    ],
)
def artist(request):
    return request.param


@pytest.fixture(scope="module")
def works(artist):
    return draw_works(artist, count=5)


def test_works_have_the_size_of_a_base_model_and_differ(works):
    levels = [np.asarray(picture, float) for picture, _ in works]
    assert all(each.shape == (512, 512, 3) for each in levels)
    assert all(each.std() > 20 for each in levels)
    for index, one in enumerate(levels):
        for other in levels[:index]:
            assert np.abs(one - other).mean() > 8


def test_most_works_can_be_asked_for_in_the_words_of_the_base(works):
    tags = [words for _, words in works]
    assert all(len(words) >= 2 and len(set(words)) == len(words) for words in tags)
    assert all(word == word.lower() and word.isalpha() for words in tags for word in words)
    shown = [words for words in tags if set(words) & {str(thing) for thing in Thing}]
    assert len(shown) >= 4
    known = [word in WORDS for words in tags for word in words]
    assert np.mean(known) > 0.8


def test_the_same_seed_draws_the_same_work_and_another_one_another(artist, works):
    (again,) = draw_works(artist, count=1)
    (other,) = draw_works(artist, count=1, seed=2)
    assert again[0].tobytes() == works[0][0].tobytes()
    assert again[1] == works[0][1] == other[1]
    assert again[0].tobytes() != other[0].tobytes()
