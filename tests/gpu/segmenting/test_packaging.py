import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from gpu.segmenting.backdrops import staged
from gpu.segmenting.lettering import lettering
from gpu.segmenting.masks import intersection_over_union
from gpu.segmenting.packaging import packaging
from tests.editing import product

SIZE = (600, 600)


def written(ink, paper, size=(300, 120), words="OLIVA 500 ml"):
    """Levels of a label with words, and where they are."""
    picture = Image.new("L", size, paper)
    ImageDraw.Draw(picture).text((20, 40), words, font=ImageFont.load_default(36), fill=ink)
    levels = np.asarray(picture, np.float32)
    return levels, np.abs(levels - paper) > abs(ink - paper) / 2


@pytest.mark.parametrize("ink,paper", [(30, 230), (235, 60)])
def test_text_is_found_dark_on_light_and_light_on_dark(ink, paper):
    levels, truth = written(ink, paper)
    detected = lettering(levels, np.ones(levels.shape, bool))
    assert detected.is_dark == (ink < paper)
    assert intersection_over_union(detected.strokes, truth) > 0.8
    assert detected.pieces >= 8


def test_stripes_and_an_even_surface_are_no_text():
    even = np.full((120, 300), 180, np.float32)
    striped = np.where(np.arange(120)[:, None] % 16 < 4, 60, even).astype(np.float32)
    for levels in (even, striped):
        detected = lettering(levels, np.ones(levels.shape, bool))
        assert detected.pieces == 0
        assert not detected.strokes.any()


@pytest.mark.parametrize("seed", [720, 721, 722])  # a bottle, a jar and a carton
def test_a_product_is_taken_to_its_parts(seed):
    # a black body could not be told from its black cap
    scene = product(seed, SIZE, (34, 80, 150))
    stage = staged(scene.image)
    parts = packaging(scene.image, stage.product)
    for concept, mask, least in (
        ("Body", parts.body, 0.85),
        ("Gloss", parts.gloss, 0.6),
        ("Logo", parts.logos[0], 0.8),
    ):
        assert intersection_over_union(mask, scene.mask(concept)) > least, concept
    assert not (parts.text & ~stage.product).any()
    assert not (parts.text & parts.gloss).any()


def test_what_stands_beside_the_product_is_no_background():
    scene = product(721, SIZE)
    stage = staged(scene.image)
    assert len(stage.others) == 1
    assert intersection_over_union(stage.others[0], scene.mask("Accessories")) > 0.9
    assert not (stage.background & (stage.product | stage.others[0])).any()


def test_an_even_photo_has_no_product():
    assert staged(Image.new("RGB", (200, 160), (210, 205, 200))) is None
