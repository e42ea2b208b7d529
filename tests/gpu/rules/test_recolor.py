import numpy as np
import pytest
from PIL import Image

from gpu.rules.colour import colour_difference, luminance, to_linear
from gpu.rules.regions import Part
from tests.editing import as_light, edit, levels_of, median, product, room, rule, solid

TARGETS = ["#1F2A44", "#9CAF88", "#C8A26E", "#F5F2EC", "#101010", "#FF0000", "#FFFFFF"]


@pytest.mark.parametrize("is_exact", [False, True])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("concept", ["Wall", "Floor", "Door", "Ceiling"])
def test_the_median_of_a_region_becomes_the_target(concept, target, is_exact):
    scene = room()
    mask = scene.mask(concept)
    levels = edit(scene.image, [Part(concept, mask, rule("recolor", target))], is_exact=is_exact)
    assert np.abs(median(levels, mask) - levels_of(target)).max() <= 3


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_recoloured_product_looks_as_if_it_had_been_made_in_that_colour(seed):
    red, blue = (190, 40, 44), (34, 80, 150)
    before, truth = product(seed, body=red), product(seed, body=blue)
    body, gloss = before.mask("Body"), before.mask("Gloss")
    target = median(np.asarray(truth.image), body).astype(int)
    parts = [
        Part("Body", body, rule("recolor", "#{:02X}{:02X}{:02X}".format(*target))),
        solid("Label_Text", before.mask("Label_Text")),
        as_light("Gloss", gloss),
    ]
    levels = edit(before.image, parts)
    assert colour_difference(levels, np.asarray(truth.image))[body].mean() < 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_a_highlight_protected_as_light_stays_while_the_body_under_it_changes(seed):
    yellow = "#F0C83C"
    before = product(seed, body=(34, 80, 150))
    truth = product(seed, body=(240, 200, 60))
    body, gloss = before.mask("Body"), before.mask("Gloss")
    # where the label is under the highlight nothing of the body shows
    levels = np.asarray(before.image)
    on_body = gloss & (colour_difference(levels, np.asarray(truth.image)) > 0.05)
    changed = edit(
        before.image, [Part("Body", body, rule("recolor", yellow)), as_light("Gloss", gloss)]
    )
    with_gloss = edit(
        before.image, [Part("Body", body, rule("recolor", yellow)), solid("Gloss", gloss)]
    )
    error = colour_difference(changed, np.asarray(truth.image))[on_body].mean()
    assert error < 0.05
    assert error < colour_difference(with_gloss, np.asarray(truth.image))[on_body].mean() / 2


def test_shading_stays():
    scene = room(2)
    wall = scene.mask("Wall")
    before = luminance(to_linear(np.asarray(scene.image)))[wall]
    after = luminance(
        to_linear(edit(scene.image, [Part("Wall", wall, rule("recolor", "#9CAF88"))]))
    )
    assert np.corrcoef(before, after[wall])[0, 1] > 0.97


def test_grain_stays():
    scene = room(2)
    wall = scene.mask("Wall")
    after = edit(scene.image, [Part("Wall", wall, rule("recolor", "#9CAF88"))]).astype(float)
    before = np.asarray(scene.image).astype(float)

    def roughness(levels):
        steps = np.abs(np.diff(levels.mean(axis=2), axis=1))
        return np.median(steps[wall[:, 1:] & wall[:, :-1]])

    assert 0.4 < roughness(after) / roughness(before) < 1.5


def test_a_region_of_one_colour_becomes_one_colour():
    levels = np.full((40, 50, 3), (120, 130, 140), np.uint8)
    from PIL import Image

    mask = np.ones((40, 50), bool)
    after = edit(Image.fromarray(levels), [Part("Wall", mask, rule("recolor", "#1F2A44"))])
    assert np.abs(after.astype(int) - (31, 42, 68)).max() <= 1


@pytest.mark.parametrize("grey", range(10, 250, 20))
def test_a_table_misses_no_median_of_a_region_of_one_grey(grey):
    mask = np.zeros((40, 60), np.bool_)
    mask[5:35, 5:55] = True
    levels = np.where(mask[..., None], np.uint8(grey), np.uint8((90, 120, 200))).astype(np.uint8)
    green = rule("recolor", "#208040")
    after = edit(Image.fromarray(levels), [Part("Wall", mask, green)])
    assert np.abs(median(after, mask) - levels_of("#208040")).max() <= 1


def test_black_can_become_white_and_white_black():
    from PIL import Image

    for level, target in ((0, "#FFFFFF"), (255, "#000000")):
        photo = Image.new("RGB", (30, 30), (level,) * 3)
        after = edit(photo, [Part("Wall", np.ones((30, 30), bool), rule("recolor", target))])
        assert np.abs(median(after, np.ones((30, 30), bool)) - levels_of(target)).max() <= 3
