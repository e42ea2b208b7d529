import dataclasses
import functools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gpu.rules.planes import LEAST_CONFIDENCE, PhotoPlanes
from gpu.rules.regions import Part
from gpu.rules.texture import FacedLayout, Placement, Texture
from gpu.segmenting.scenes.products import draw_product
from tests.editing import SWATCHES, deep_inside, edit, room, rule
from tests.room_geometry import face_numbers, miss, vanishing_points, walls_of

SIZE = (640, 480)
WHOLE = Placement(0, 0, *SIZE)


@functools.cache
def planes_of(seed, *, is_tiled=False):
    return PhotoPlanes(np.asarray(room(seed, SIZE, is_tiled=is_tiled).image))


def walls(seed):
    scene = room(seed, SIZE)
    return scene.mask("Wall"), planes_of(seed).estimate(scene.mask("Wall"))


def low(image):
    """The lowest quarter of a picture."""
    mask = np.zeros((image.height, image.width), bool)
    mask[image.height * 3 // 4 :] = True
    return mask


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["Floor", "Ceiling"])
def test_the_sides_of_a_level_plane_meet_where_the_rooms_edges_do(seed, name):
    scene = room(seed, SIZE)
    estimate = planes_of(seed).estimate(scene.mask(name))
    across, _, along = vanishing_points(scene.camera, SIZE)
    (face,) = estimate.faces
    assert miss(face.plane, scene.mask(name), (across, along), SIZE) < 1
    assert 0 <= estimate.confidence <= 1


def test_a_floor_of_which_only_the_line_to_the_wall_is_seen_is_still_level():
    scene = room(1, SIZE, is_tiled=True)  # its floor is even concrete
    floor = scene.mask("Floor")
    estimate = planes_of(1, is_tiled=True).estimate(floor)
    assert estimate.confidence >= LEAST_CONFIDENCE
    across, _, along = vanishing_points(scene.camera, SIZE)
    assert miss(estimate.faces[0].plane, floor, (across, along), SIZE) < 1


@pytest.mark.parametrize("seed", [0, 3, 4])
def test_each_wall_of_a_room_is_a_face_of_its_own(seed):
    region, estimate = walls(seed)
    assert estimate.confidence >= LEAST_CONFIDENCE
    across, up, along = vanishing_points(room(seed, SIZE).camera, SIZE)
    numbers = face_numbers(estimate.faces, SIZE)
    true = walls_of(seed, SIZE)
    assert len(estimate.faces) == len(true)
    for number, (face, wall) in enumerate(zip(estimate.faces, true, strict=True)):
        own = wall & region
        assert (numbers[own] == number).mean() > 0.95
        errors = [miss(face.plane, own, (level, up), SIZE) for level in (across, along)]
        assert min(errors) < 1
        # the back wall alone is as wide as it looks
        is_back = errors[0] < errors[1]
        assert is_back == (own.sum() == max((one & region).sum() for one in true))


def test_a_single_wall_is_a_single_face():
    planes, scene = planes_of(1, is_tiled=True), room(1, SIZE, is_tiled=True)
    for mask in scene.masks["Tile"]:
        estimate = planes.estimate(mask)
        assert len(estimate.faces) == 1
        assert estimate.confidence >= LEAST_CONFIDENCE


def test_the_material_goes_round_the_corner_of_two_walls():
    _, estimate = walls(0)
    lay = FacedLayout(Texture("sage"), SWATCHES["sage"], WHOLE, estimate.faces)
    numbers = face_numbers(estimate.faces, SIZE)
    rows = np.arange(80, 240, 10)
    for number in range(len(estimate.faces) - 1):
        last = np.array([np.flatnonzero(numbers[row] == number)[-1] for row in rows])
        before, after = (np.array(lay(rows, columns)[:2]) for columns in (last, last + 1))
        pixel = lay(rows, last)[2].max()
        assert np.abs(before - after).max() < 4 * pixel


def test_a_layout_of_a_part_of_the_photo_is_that_of_the_whole():
    _, estimate = walls(0)
    swatch = SWATCHES["oak"]
    whole = FacedLayout(Texture("oak"), swatch, WHOLE, estimate.faces)
    part = FacedLayout(Texture("oak"), swatch, Placement(90, 40, *SIZE), estimate.faces)
    rows, columns = np.meshgrid(np.arange(60, 300, 40), np.arange(95, 600, 25))
    rows, columns = rows.ravel(), columns.ravel()
    for one, other in zip(whole(rows, columns), part(rows - 40, columns - 90), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


# ── where nobody is sure ─────────────────────────────────────────────────────────────────────────


def noise():
    levels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def confetti():
    """Straight edges in all directions."""
    random = np.random.default_rng(1)
    photo = Image.new("RGB", (400, 300), (128, 128, 128))
    draw = ImageDraw.Draw(photo)
    for _ in range(150):
        x, y = random.uniform(0, (400, 300))
        way = random.normal(0, 25, 2)
        level = tuple(random.integers(0, 256, 3).tolist())
        draw.line([(x - way[0], y - way[1]), (x + way[0], y + way[1])], fill=level, width=4)
    return photo


@pytest.mark.parametrize("draw", [noise, confetti])
def test_in_what_is_no_room_no_plane_is_sure(draw):
    photo = draw()
    planes = PhotoPlanes(np.asarray(photo))
    for mask in (low(photo), np.ones((300, 400), bool)):
        estimate = planes.estimate(mask)
        assert estimate is None or estimate.confidence < LEAST_CONFIDENCE
        assert planes.sure_faces(mask) == ()


def test_without_edges_or_without_a_region_there_is_no_plane():
    grey = Image.new("RGB", (400, 300), (128, 128, 128))
    assert PhotoPlanes(np.asarray(grey)).estimate(low(grey)) is None
    assert planes_of(0).estimate(np.zeros((480, 640), bool)) is None


def test_what_stands_straight_before_the_camera_is_laid_as_good_as_flat():
    product = draw_product(0, (300, 300))
    body = product.mask("Body")
    faces = PhotoPlanes(np.asarray(product.image)).sure_faces(body)
    rows, columns = np.nonzero(body)
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) / 300
    for face in faces:
        corners = np.array(face.plane.corners)
        assert np.abs(corners.min(axis=0) - box[:2]).max() < 0.08
        assert np.abs(corners.max(axis=0) - box[2:]).max() < 0.08


# ── textures ─────────────────────────────────────────────────────────────────────────────────────


def stripes(levels, mask, row):
    """How many pixels wide the dark stripes of a row are, those that are whole."""
    line = np.where(mask[row], levels[row, :, 2] < 75, False)
    changes = np.flatnonzero(np.diff(line.astype(int)))
    return np.diff(changes)


def test_a_texture_that_names_neither_plane_nor_share_lies_in_the_estimated_plane():
    scene = room(0, SIZE)
    floor = scene.mask("Floor")
    laid = edit(scene.image, [Part("Floor", floor, rule("texture", "oak"))])
    (face,) = planes_of(0).sure_faces(floor)
    given = {
        "corners": [list(corner) for corner in face.plane.corners],
        "width": face.plane.width,
        "height": face.plane.height,
    }
    by_hand = edit(
        scene.image, [Part("Floor", floor, rule("texture", "oak", plane=given, share=0.25))]
    )
    assert np.abs(laid.astype(int) - by_hand).max() <= 1
    flat = edit(scene.image, [Part("Floor", floor, rule("texture", "oak", share=0.25))])
    assert (np.abs(flat.astype(int) - laid).max(axis=-1) > 30)[floor].mean() > 0.1
    assert np.array_equal(laid[~floor], np.asarray(scene.image)[~floor])


def test_a_texture_that_names_its_share_lies_flat_as_before():
    scene = room(0, SIZE)
    wall = scene.mask("Wall")
    levels = edit(scene.image, [Part("Wall", wall, rule("texture", "oak", share=0.1))])
    widths = np.concatenate([stripes(levels, wall, row) for row in (200, 230)])
    assert np.median(widths) == pytest.approx(0.05 * 640, abs=3)


def test_a_texture_is_laid_flat_where_nobody_is_sure_of_the_plane():
    photo = noise()
    laid, flat = (
        edit(photo, [Part("Floor", low(photo), rule("texture", "oak", **options))])
        for options in ({}, {"share": 0.25})
    )
    assert np.array_equal(laid, flat)


def test_an_earlier_rule_does_not_change_the_plane_of_a_later_one():
    scene = room(0, SIZE)
    wall, floor = scene.mask("Wall"), scene.mask("Floor")
    alone = edit(scene.image, [Part("Floor", floor, rule("texture", "oak"))])
    after = edit(
        scene.image,
        [Part("Wall", wall, rule("texture", "oak")), Part("Floor", floor, rule("texture", "oak"))],
    )
    inside = deep_inside(floor)
    assert np.array_equal(alone[inside], after[inside])


def test_rotation_and_offset_count_on_faces_too():
    _, estimate = walls(0)
    rows, columns = np.full(50, 240), np.arange(200, 250)
    usual, moved = (
        FacedLayout(each, SWATCHES["sage"], WHOLE, estimate.faces)(rows, columns)
        for each in (Texture("sage"), Texture("sage", offset=(0.5, 0.25)))
    )
    assert moved[0] - usual[0] == pytest.approx(np.full(50, 0.5), abs=1e-5)
    assert moved[1] - usual[1] == pytest.approx(np.full(50, 0.25), abs=1e-5)
    half = dataclasses.replace(Texture("sage"), share=0.125)
    finer = FacedLayout(half, SWATCHES["sage"], WHOLE, estimate.faces)(rows, columns)
    assert finer[0] == pytest.approx(2 * usual[0], abs=1e-4)
