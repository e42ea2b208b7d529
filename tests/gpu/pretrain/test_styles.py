"""Procedural styles: repeatable, distinct, and held-out ones are not in pretraining."""

import numpy as np
import pytest

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain import fit_codec, latents
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import HELD_OUT, PRETRAINING, Style, draw_artist_works, restyle
from gpu.pretrain.vocabulary import SPARE_SLOTS, TOKENS, WORDS
from gpu.rendering.pixels import is_blank


def test_a_style_is_either_for_pretraining_or_held_out():
    assert not set(PRETRAINING) & set(HELD_OUT)
    assert set(PRETRAINING) | set(HELD_OUT) == set(Style)
    assert len(HELD_OUT) >= 8


@pytest.fixture
def drawn(monkeypatch):
    """The styles that pretraining draws, recorded."""
    styles = []

    def record(image, style, seed):
        styles.append(style)
        return restyle(image, style, seed)

    monkeypatch.setattr(fit_codec, "restyle", record)
    monkeypatch.setattr(latents, "restyle", record)
    return styles


def test_the_codec_is_not_fitted_on_held_out_styles(drawn):
    fit_codec.fit_codec(images=3 * len(PRETRAINING), channels=4, side=32, patch=16)
    assert set(drawn) == set(PRETRAINING)


def test_stores_contain_no_held_out_style_and_captions_name_the_style(drawn, tmp_path):
    codec = PatchCodec(latent_channels=4, patch=16)
    store = latents.LatentStore(tmp_path, latents.SceneSet((32, 32), 60, 3, 0.5), codec)
    store.draw_all()
    assert set(drawn) <= set(PRETRAINING)
    everything = np.arange(60)
    captions = [store.rows(everything, np.full(60, k))[2].numpy() for k in range(latents.CAPTIONS)]
    spare = {TOKENS.index(word) for word in SPARE_SLOTS}
    styled = [ids for ids in np.concatenate(captions, axis=1) if set(ids) & spare]
    # tags are dropped at random; rarely from all captions of a scene
    assert 15 < len(drawn) < 45
    assert len(drawn) - 2 <= len(styled) <= len(drawn)
    words = {TOKENS[i] for ids in styled for i in set(ids) & spare}
    assert words == {latents.STYLE_WORDS[style] for style in drawn}


@pytest.mark.parametrize("style", list(Style))
def test_a_style_changes_the_picture_repeatably(style):
    image = draw_scene(21, (96, 96)).image
    first, second = restyle(image, style, 4), restyle(image, style, 4)

    assert first.size == image.size
    assert np.array_equal(first, second)
    assert np.abs(np.asarray(first, int) - np.asarray(image, int)).mean() > 3


def test_held_out_styles_differ_from_each_other():
    image = draw_scene(30, (96, 96)).image
    pictures = [np.asarray(restyle(image, style, 0), int) for style in HELD_OUT]
    for index, one in enumerate(pictures):
        for other in pictures[index + 1 :]:
            assert np.abs(one - other).mean() > 15


def test_a_portfolio_has_tags_of_the_vocabulary():
    works = draw_artist_works(Style.SEPIA_INK, 3, seed=5, size=(64, 128))

    assert [image.size for image, _ in works] == [(64, 128)] * 3
    assert all(set(tags) <= set(WORDS) for _, tags in works)
    assert len({image.tobytes() for image, _ in works}) == 3


def test_a_portfolio_has_no_blank_picture():
    first = 1_000_000_000 + 10_000
    drawn = [
        restyle(draw_scene(first + k, (96, 96)).image, Style.WOODCUT, 10_000 + k)
        for k in range(180)
    ]
    works = [image for image, _ in draw_artist_works(Style.WOODCUT, 180, seed=1, size=(96, 96))]

    assert any(is_blank(image) for image in drawn)
    assert not any(is_blank(image) for image in works)
    assert works[0].tobytes() == drawn[0].tobytes()
