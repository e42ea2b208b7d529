from statistics import mean

import numpy as np
import pytest
from PIL import Image

from gpu.segmenting.clicks import Click, ClickedPhoto
from gpu.segmenting.masks import intersection_over_union
from tests.clicking import play
from tests.editing import product, room

SEEDS = range(400, 403)  # none of the scenes that the numbers of the method were tuned on
CONCEPTS = {"Floor": room, "Wall": room, "Window": room, "Product": product, "Body": product}
SIZES = {room: (640, 480), product: (480, 480)}


def truths(concept):
    draw = CONCEPTS[concept]
    for seed in SEEDS:
        scene = draw(seed, SIZES[draw])
        found = scene.masks.get(concept, ())
        mask = found[0] if concept == "Window" and found else scene.mask(concept)
        if mask.sum() > 1000:
            yield scene.image, mask


@pytest.fixture(scope="module")
def scores():
    """Mean agreement after one to five clicks, by concept."""
    return {
        concept: np.mean([play(photo, truth, clicks=5) for photo, truth in truths(concept)], axis=0)
        for concept in CONCEPTS
    }


def test_five_clicks_agree_with_the_truth_by_nine_tenths(scores):
    after_five = {concept: of[-1] for concept, of in scores.items()}
    assert mean(after_five.values()) >= 0.9, after_five
    # docs/sets.md says which concepts fall short of it by themselves
    assert min(after_five.values()) >= 0.8, after_five


def test_more_clicks_agree_better(scores):
    for concept, of in scores.items():
        assert of[-1] > of[0], concept


def test_the_point_that_was_included_is_inside_and_the_excluded_one_outside():
    photo = ClickedPhoto(room(0).image)
    mask = photo.mask([Click(0.5, 0.95), Click(0.5, 0.3, is_included=False)])
    assert mask.shape == (360, 480)
    assert mask[int(0.95 * 360), 240]
    assert not mask[int(0.3 * 360), 240]


def test_the_same_clicks_give_the_same_mask():
    clicks = [Click(0.5, 0.95), Click(0.2, 0.3, is_included=False)]
    first, second = (ClickedPhoto(room(0).image).mask(clicks) for _ in range(2))
    assert np.array_equal(first, second)


def test_only_pieces_that_were_clicked_are_in_the_mask():
    levels = np.full((120, 160, 3), 220, np.uint8)
    levels[40:80, 20:60] = levels[40:80, 100:140] = (180, 30, 30)
    photo = ClickedPhoto(Image.fromarray(levels))
    outside = Click(0.5, 0.1, is_included=False)
    left = photo.mask([Click(0.25, 0.5), outside])
    both = photo.mask([Click(0.25, 0.5), Click(0.75, 0.5), outside])
    truth = (levels == (180, 30, 30)).all(axis=2)
    assert intersection_over_union(both, truth) > 0.9
    assert not left[:, 80:].any()


def test_a_mask_has_the_size_of_the_photo_whatever_it_is():
    for size in ((1, 1), (3, 700), (1300, 40), (900, 1100)):
        mask = ClickedPhoto(Image.new("RGB", size, (90, 90, 90))).mask([Click(0.5, 0.5)])
        assert mask.shape == size[::-1]


def test_clicks_on_the_very_edge_are_on_the_photo():
    photo = ClickedPhoto(room(0).image)
    for x, y in ((0, 0), (1, 1), (0, 1), (1, 0)):
        assert photo.mask([Click(x, y)]).any()


@pytest.mark.parametrize("x,y", [(-0.01, 0.5), (0.5, 1.01), (float("nan"), 0.5)])
def test_a_click_beside_the_photo_is_refused(x, y):
    with pytest.raises(ValueError, match="on the photo"):
        Click(x, y)


def test_a_mask_without_an_including_click_is_refused():
    with pytest.raises(ValueError, match="must include"):
        ClickedPhoto(room(0).image).mask([Click(0.5, 0.5, is_included=False)])


def test_what_a_click_took_away_does_not_come_back_by_a_click_elsewhere():
    levels = np.full((120, 160, 3), 220, np.uint8)
    levels[:, :70] = (200, 190, 180)  # paler wall, divided from the rest by a pillar
    levels[:, 70:90] = (40, 60, 90)
    levels[40:80, 110:140] = (210, 214, 222)  # a window in the other wall
    photo = ClickedPhoto(Image.fromarray(levels))
    clicks = [Click(0.6, 0.1), Click(0.78, 0.5, is_included=False)]
    assert not photo.mask(clicks)[60, 125]
    both = photo.mask([*clicks, Click(0.2, 0.5)])
    assert both[60, 32]
    assert not both[60, 125]
