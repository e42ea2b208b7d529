import numpy as np
from PIL import Image

from gpu.rules.regions import Part, Protection, box_of, region_of
from tests.editing import NAVY, as_light, product, rule, solid

RECOLOR = rule("recolor", NAVY)


def parts_of(scene, *, body_rule=RECOLOR):
    return [
        Part("Body", scene.mask("Body"), body_rule),
        as_light("Gloss", scene.mask("Gloss")),
        solid("Label_Text", scene.mask("Label_Text")),
    ]


def test_a_highlight_on_the_body_joins_it_and_one_on_the_cap_does_not():
    scene = product(1, body=(190, 40, 44))
    parts = parts_of(scene)
    region = region_of(parts[0], RECOLOR, parts, np.asarray(scene.image))
    plain = np.asarray(product(1, body=(30, 120, 84)).image).astype(int)
    differs = np.abs(plain - np.asarray(scene.image)).max(axis=2) > 25
    gloss = scene.mask("Gloss")
    assert region.lit[gloss & differs].mean() > 0.9
    assert region.lit[gloss & ~differs].mean() < 0.25


def test_a_highlight_elsewhere_stays_outside():
    scene = product(2)
    parts = parts_of(scene)
    corner = np.zeros(scene.mask("Body").shape, bool)
    corner[:5, :5] = True
    parts.append(as_light("Gloss", corner))
    assert not region_of(parts[0], RECOLOR, parts, np.asarray(scene.image)).mask[corner].any()


def test_a_highlight_on_a_grey_body_belongs_to_what_is_nearest():
    levels = np.full((40, 40, 3), 120, np.uint8)
    levels[18:22, 10:30] = 240
    mask, spot = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    mask[:20], spot[18:22, 10:30] = True, True
    mask &= ~spot
    wall = Part("Wall", mask, RECOLOR)
    region = region_of(wall, RECOLOR, [wall, as_light("Gloss", spot)], levels)
    assert region.lit[18:20, 10:30].all()
    assert not region.lit[20:].any()


def test_protection_and_locks_are_taken_from_the_region():
    mask = np.ones((10, 10), bool)
    logo, door = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    logo[:2], door[8:] = True, True
    wall = Part("Wall", mask, RECOLOR)
    parts = [wall, solid("Logo", logo), Part("Door", door, is_locked=True)]
    region = region_of(wall, RECOLOR, parts, np.zeros((10, 10, 3), np.uint8))
    assert np.array_equal(region.mask, ~(logo | door))


def test_a_part_may_be_unprotected():
    mask = np.ones((10, 10), bool)
    wall = Part("Wall", mask, RECOLOR)
    other = Part("Logo", mask, protection=Protection.NONE)
    levels = np.asarray(Image.new("RGB", (10, 10)))
    assert region_of(wall, RECOLOR, [wall, other], levels).mask.all()


def test_a_box_holds_the_mask_and_its_margin_within_the_photo():
    mask = np.zeros((20, 30), bool)
    mask[5:8, 1:4] = True
    rows, columns = box_of(mask, 2)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (3, 10, 0, 6)
