import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from gpu.rules import engine
from gpu.rules.colour import bake, map_by_table
from gpu.rules.edges import core_of
from gpu.rules.engine import regions_of
from gpu.rules.regions import Part, Protection
from imaging.reading import read_picture
from tests.editing import (
    NAVY,
    as_light,
    deep_inside,
    edit,
    edited,
    levels_of,
    median,
    product,
    room,
    rule,
    solid,
)
from tests.images import chunk

PLANE = {"corners": [[0.3, 0.2], [0.7, 0.2], [1.2, 1.1], [-0.1, 1]], "width": 4, "height": 6}
ACTIONS = [
    ("recolor", NAVY, {}),
    ("recolor", "sage", {}),
    ("tone", "warmer", {"amount": 2}),
    ("tone", "contrast+", {}),
    ("tone", "match:0", {}),
    ("texture", "oak", {"share": 0.2, "rotation": 30}),
    ("texture", "oak", {"plane": PLANE}),
    ("background", "#FFFFFF", {"shadow": 0.5}),
    ("background", "oak", {}),
    ("remove_background", None, {}),
]
PRIMARIES_OF_P3 = bytes([12, 13, 0, 1])  # a cICP chunk: P3, the curve of sRGB, RGB, full range


def file_of(levels, *, orientation, is_p3):
    """A PNG or, without alpha, a JPEG that says how to turn it and what its colours are."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    image = Image.fromarray(levels)
    if levels.shape[2] == 3 and not is_p3:
        image.save(stream, "JPEG", quality=95, exif=exif)
        return stream.getvalue()
    image.save(stream, "PNG", exif=exif)
    data = stream.getvalue()
    after_header = 8 + 25
    colours = chunk(b"cICP", PRIMARIES_OF_P3) if is_p3 else b""
    return data[:after_header] + colours + data[after_header:]


def blob(random, height, width):
    """An ellipse or a rectangle somewhere, which may reach beyond the border."""
    rows, columns = np.mgrid[0:height, 0:width]
    y, x = random.uniform(0, height), random.uniform(0, width)
    tall, wide = random.uniform(2, height), random.uniform(2, width)
    down, across = np.abs(rows - y) / tall, np.abs(columns - x) / wide
    return (np.hypot(down, across) if random.random() < 0.5 else np.maximum(down, across)) < 0.7


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    action=st.sampled_from(ACTIONS),
    orientation=st.integers(1, 8),
    has_alpha=st.booleans(),
    is_p3=st.booleans(),
    is_exact=st.booleans(),
)
def test_bytes_outside_the_mask_and_under_protection_are_equal(
    seed, action, orientation, has_alpha, is_p3, is_exact
):
    random = np.random.default_rng(seed)
    height, width = random.integers(9, 60, 2)
    coarse = random.integers(0, 256, (5, 6, 4 if has_alpha else 3), dtype=np.uint8)
    levels = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    photo = read_picture(file_of(levels, orientation=orientation, is_p3=is_p3))
    assert photo.size == ((width, height) if orientation < 5 else (height, width))
    mask, protected, locked, light = (blob(random, photo.height, photo.width) for _ in range(4))
    name, value, options = action
    parts = [
        Part("Wall", mask, rule(name, value, **options)),
        solid("Logo", protected),
        Part("Door", locked, is_locked=True),
        as_light("Gloss", light),
    ]
    after = edit(photo, parts, is_exact=is_exact)
    before = np.asarray(photo.convert("RGBA"))
    assert after.shape[:2] == (photo.height, photo.width)
    # highlights protected as light may take a new body; nothing else outside the mask may
    may_change = (mask | light) & ~protected & ~locked
    assert np.array_equal(after[~may_change], before[~may_change][:, : after.shape[2]])
    if name != "remove_background":
        assert after.shape[2] == np.asarray(photo).shape[2]
        assert np.array_equal(after[..., 3:], np.asarray(photo)[..., 3:])


@pytest.mark.parametrize("name,value,options", ACTIONS)
def test_without_light_protection_nothing_at_all_changes_outside_the_mask(name, value, options):
    scene = room(2)
    mask = scene.mask("Floor")
    after = edit(scene.image, [Part("Floor", mask, rule(name, value, **options))])
    before = np.asarray(scene.image)
    assert np.array_equal(after[~mask][:, :3], before[~mask])
    assert (after[mask][:, :3] != before[mask]).any(axis=1).mean() > 0.5


def test_a_concept_is_protected_from_the_rules_of_others_and_not_from_its_own():
    scene = room(1, is_tiled=True)
    grout, tile = scene.mask("Grout"), scene.mask("Tile")
    parts = [
        Part("Tile", tile | grout, rule("recolor", NAVY)),
        Part("Grout", grout, protection=Protection.PIXELS),
    ]
    assert np.array_equal(edit(scene.image, parts)[grout], np.asarray(scene.image)[grout])
    parts[1] = Part("Grout", grout, rule("recolor", "#D8D8D8"), Protection.PIXELS)
    alone = edit(scene.image, [parts[1]])
    both = edit(scene.image, parts)
    assert (alone[grout] != np.asarray(scene.image)[grout]).any(axis=1).mean() > 0.9
    assert np.abs(median(both, grout) - levels_of("#D8D8D8")).max() <= 12
    assert np.abs(median(both, tile) - levels_of(NAVY)).max() <= 3


def test_a_locked_instance_changes_by_no_rule_even_its_own():
    scene = room(2)
    left, right = scene.masks["Window"][:2]
    parts = [
        Part("Window", left, rule("recolor", NAVY)),
        Part("Window", right, rule("recolor", NAVY), is_locked=True),
    ]
    done = edited(scene.image, parts)
    after = np.asarray(done.image)
    assert np.array_equal(after[right], np.asarray(scene.image)[right])
    assert np.abs(median(after, left) - levels_of(NAVY)).max() <= 3
    assert done.not_found == ()  # one of the two was changed


def test_every_instance_gets_its_own_value():
    scene = room(2)
    left, right = scene.masks["Window"][:2]
    after = edit(
        scene.image,
        [
            Part("Window", left, rule("recolor", NAVY)),
            Part("Window", right, rule("recolor", "#C8A26E")),
        ],
    )
    assert np.abs(median(after, left) - levels_of(NAVY)).max() <= 3
    assert np.abs(median(after, right) - levels_of("#C8A26E")).max() <= 3


def test_a_concept_without_a_pixel_is_reported_once():
    photo = Image.new("RGB", (20, 20))
    nothing = np.zeros((20, 20), bool)
    parts = [Part("Tile", nothing, rule("recolor", NAVY))] * 2 + [solid("Floor", nothing)]
    assert edited(photo, parts).not_found == ("Tile",)


def test_where_two_rules_meet_the_first_keeps_its_core():
    photo = Image.new("RGB", (60, 40), (150, 140, 130))
    left, right = (np.zeros((40, 60), bool) for _ in range(2))
    left[:, :40], right[:, 20:] = True, True
    after = edit(
        photo,
        [Part("A", left, rule("recolor", NAVY)), Part("B", right, rule("recolor", "#C8A26E"))],
    )
    assert np.abs(after[20, 25].astype(int) - levels_of(NAVY)).max() <= 3
    assert np.abs(after[20, 50].astype(int) - levels_of("#C8A26E")).max() <= 3


@pytest.mark.parametrize("name,value,options", ACTIONS[:7])
def test_a_table_changes_colours_as_the_exact_computation_does(name, value, options):
    scene = product(0)
    parts = [Part("Body", scene.mask("Body"), rule(name, value, **options))]
    table, exact = edit(scene.image, parts), edit(scene.image, parts, is_exact=True)
    difference = np.abs(table.astype(int) - exact)[deep_inside(scene.mask("Body"))]
    assert difference.mean() < 1
    assert np.percentile(difference, 99) <= 4


def test_what_is_fully_transparent_keeps_its_bytes():
    levels = np.full((30, 30, 4), (150, 60, 60, 255), np.uint8)
    levels[:10] = (1, 2, 3, 0)
    everything = np.ones((30, 30), bool)
    after = edit(Image.fromarray(levels), [Part("A", everything, rule("recolor", NAVY))])
    assert np.array_equal(after[:10], levels[:10])
    assert np.abs(median(after, levels[..., 3] > 0) - levels_of(NAVY)).max() <= 3


def test_a_mask_of_another_size_or_kind_is_refused():
    photo = Image.new("RGB", (30, 20))
    for mask in (np.ones((30, 20), bool), np.ones((20, 30), np.uint8)):
        with pytest.raises(ValueError, match="mask of Wall"):
            edit(photo, [Part("Wall", mask, rule("recolor", NAVY))])


@pytest.mark.parametrize("mode", ["L", "CMYK", "LA"])
def test_a_photo_that_was_not_read_by_our_reader_is_refused(mode):
    with pytest.raises(ValueError, match="RGB or RGBA"):
        edit(Image.new(mode, (4, 4)), [])


def test_the_regions_of_parts_hold_all_that_their_rules_change():
    scene = room()
    photo, levels = scene.image, np.asarray(scene.image)
    floor = Part("Floor", scene.mask("Floor"), rule("recolor", NAVY))
    wall = scene.mask("Wall") | floor.mask
    window = solid("Window", scene.mask("Window"))
    parts = [floor, Part("Wall", wall, rule("recolor", "#C04A2B")), window]
    (first, floor_region), (second, wall_region) = regions_of(photo, parts)
    assert (first.concept, second.concept) == ("Floor", "Wall")
    assert not (wall_region & window.mask).any()
    assert not (wall_region & deep_inside(floor.mask)).any()
    changed = (edit(photo, parts) != levels).any(axis=2)
    assert not (changed & ~floor_region & ~wall_region).any()


@pytest.mark.parametrize("name,value,options", ACTIONS[:5])
@pytest.mark.parametrize("rows_at_once", [1, 7, 10_000])
def test_core_pixels_are_what_a_map_of_the_whole_photo_makes_them(
    monkeypatch, rows_at_once, name, value, options
):
    scene = room(2)
    levels, mask = np.asarray(scene.image), scene.mask("Wall")
    setting = rule(name, value, **options)
    used = []

    def baked(colour_map):
        used.append(colour_map)
        return bake(colour_map)

    monkeypatch.setattr(engine, "_PIXELS_AT_ONCE", rows_at_once * levels.shape[1])
    monkeypatch.setattr(engine, "bake", baked)
    after = edit(scene.image, [Part("Wall", mask, setting)])
    (colour_map,) = used  # one table for all strips
    core = core_of(mask)
    assert core.any()
    assert np.array_equal(after[core], map_by_table(levels, colour_map)[core])
