"""Drawn styles: repeatable, distinct, and the held-out ones kept out of pretraining."""

import numpy as np
import pytest

from gpu.pretrain import fit_codec, latents
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import HELD_OUT, PRETRAINING, Style, draw_artist_works, restyle
from gpu.pretrain.vocabulary import WORDS


def test_a_style_is_either_for_pretraining_or_held_out():
    assert not set(PRETRAINING) & set(HELD_OUT)
    assert set(PRETRAINING) | set(HELD_OUT) == set(Style)
    assert len(HELD_OUT) >= 5


def test_pretraining_draws_no_held_out_style(monkeypatch):
    drawn = set()

    def remember(image, style, seed):
        drawn.add(style)
        return restyle(image, style, seed)

    monkeypatch.setattr(fit_codec, "restyle", remember)
    fit_codec.fit_codec(images=3 * len(PRETRAINING), channels=4, side=32)

    assert drawn == set(PRETRAINING)
    assert not hasattr(latents, "restyle")


@pytest.mark.parametrize("style", list(Style))
def test_a_style_changes_the_picture_repeatably(style):
    image = draw_scene(21, (96, 96)).image
    first, second = restyle(image, style, 4), restyle(image, style, 4)

    assert first.size == image.size
    assert np.array_equal(first, second)
    assert np.abs(np.asarray(first, int) - np.asarray(image, int)).mean() > 3


def test_held_out_styles_look_unlike_each_other():
    image = draw_scene(30, (96, 96)).image
    pictures = [np.asarray(restyle(image, style, 0), int) for style in HELD_OUT]
    for index, one in enumerate(pictures):
        for other in pictures[index + 1 :]:
            assert np.abs(one - other).mean() > 15


def test_an_artists_works_come_with_true_tags_of_the_vocabulary():
    works = draw_artist_works(Style.SEPIA_INK, 3, seed=5, size=(64, 128))

    assert [image.size for image, _ in works] == [(64, 128)] * 3
    assert all(set(tags) <= set(WORDS) for _, tags in works)
    assert len({image.tobytes() for image, _ in works}) == 3
