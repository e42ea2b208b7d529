"""A canvas in the plane of its region: rectified, painted, and laid back in perspective."""

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from gpu.rules.errors import InvalidRule
from gpu.rules.planes import PhotoPlanes
from gpu.rules.regions import Part
from gpu.rules.restyle import Restyle, canvas_of, frame_of
from gpu.rules.restyle_frames import LARGE, PORTRAIT, SMALL, Frame
from gpu.rules.restyle_planes import PlaneFrame
from gpu.rules.texture import Face, Plane
from tests.editing import deep_inside, edit, room, solid

SIZE = WIDTH, HEIGHT = 480, 360
DEEP = ((0.3, 0.4), (0.7, 0.4), (1.0, 1.0), (0.0, 1.0))  # a floor that runs away from the camera


def in_plane(corners=DEEP, width=4.0, height=4.0):
    """The one face of a region that lies in a rectangle of this size."""
    return (Face(Plane(corners, width, height)),)


def trapezoid(top=144, bottom=HEIGHT):
    """The pixels (H, W) of the rectangle `DEEP`, between two rows."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    depth = (y + 0.5 - 144) / (HEIGHT - 144)
    half = WIDTH * (0.2 + 0.3 * depth)
    return (np.abs(x + 0.5 - WIDTH / 2) <= half) & (y >= top) & (y < bottom)


def striped(size, lines):
    """Black lines on white across a picture: the shares of its height at which they lie."""
    levels = np.full((size[1], size[0], 3), 235, np.uint8)
    for line in lines:
        at = round(line * size[1])
        levels[at - 6 : at + 6] = 20
    return Image.fromarray(levels)


def painted(photo, mask, faces, image=None, others=()):
    canvas = canvas_of(photo, mask, faces)
    image = image or Image.new("RGB", canvas.frame.size, (200, 40, 90))
    return edit(photo, [Part("Floor", mask, Restyle("7", canvas=canvas.painted(image))), *others])


def even():
    return Image.new("RGB", SIZE, (140, 140, 140))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1 << 30), has_alpha=st.booleans())
def test_bytes_outside_the_mask_and_under_protection_are_equal(seed, has_alpha):
    random = np.random.default_rng(seed)
    channels = 4 if has_alpha else 3
    photo = Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, channels), dtype=np.uint8))
    protected, locked = (
        np.asarray(Image.fromarray(random.integers(0, 2, (4, 4), np.uint8) * 255).resize(SIZE))
        > 128
        for _ in range(2)
    )
    mask = trapezoid()
    others = [solid("Logo", protected), Part("Door", locked, is_locked=True)]
    after, before = painted(photo, mask, in_plane(), others=others), np.asarray(photo)
    may_change = mask & ~protected & ~locked
    assert np.array_equal(after[~may_change], before[~may_change])
    assert np.array_equal(after[..., 3:], before[..., 3:])


def test_the_canvas_shows_a_floor_from_above():
    """Boards that run away from the camera, and meet far away, stand beside each other on it."""
    photo, mask = even(), trapezoid()
    levels = np.asarray(photo).copy()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    depth = (y + 0.5 - 144) / (HEIGHT - 144)
    place = (x + 0.5 - WIDTH / 2) / (WIDTH * (0.4 + 0.6 * depth)) + 0.5
    levels[mask & (np.floor(place * 4) % 2 == 1)] = (40, 40, 40)
    canvas = canvas_of(Image.fromarray(levels), mask, in_plane())
    shown = np.asarray(canvas.picture)[..., 0] < 90
    free = np.asarray(canvas.mask)
    rows = [row for row in range(100, free.shape[0] - 100, 40) if free[row].mean() > 0.8]
    assert len(rows) > 5
    edges = [np.flatnonzero(np.diff(shown[row].astype(int)))[:3] for row in rows]
    assert np.ptp(np.stack(edges), axis=0).max() <= 4


def test_what_is_painted_lies_in_perspective():
    """Lines at equal distances on the floor come closer together the farther away they are."""
    photo, mask = even(), trapezoid()
    size = canvas_of(photo, mask, in_plane()).frame.size
    after = painted(photo, mask, in_plane(), striped(size, (0.2, 0.4, 0.6, 0.8)))
    dark = after[:, WIDTH // 2, 0] < 90
    starts = np.flatnonzero(np.diff(dark.astype(int)) == 1)
    assert len(starts) == 4
    gaps = np.diff(starts)
    assert (np.diff(gaps) > 3).all()


def test_the_walls_of_a_room_stand_side_by_side_and_a_line_goes_round_their_corner():
    scene = room(5)
    mask = scene.mask("Wall")
    faces = PhotoPlanes(np.asarray(scene.image)).sure_faces(mask)
    canvas = canvas_of(scene.image, mask, faces)
    frame = canvas.frame
    assert isinstance(frame, PlaneFrame)
    assert len(frame.maps) == len(faces) >= 2
    for before, after, corner in zip(frame.maps, frame.maps[1:], frame.corners, strict=False):
        left, right = (np.reshape(each, (3, 3)) for each in (before, after))
        border = left[0] - corner * left[2]
        for y in (0.4 * HEIGHT, 0.6 * HEIGHT):
            pixel = np.array([-(border[1] * y + border[2]) / border[0], y, 1])
            there, again = (each @ pixel / (each[2] @ pixel) for each in (left, right))
            assert there == pytest.approx(again, abs=2e-3)
            assert there[0] == pytest.approx(corner, abs=2e-3)


def test_a_canvas_that_nobody_painted_gives_the_photo_back():
    scene = room(5)
    planes = PhotoPlanes(np.asarray(scene.image))
    for name in ("Floor", "Wall"):
        mask = scene.mask(name)
        faces = planes.sure_faces(mask)
        assert faces
        canvas = canvas_of(scene.image, mask, faces)
        after = painted(scene.image, mask, faces, canvas.picture)
        difference = np.abs(after.astype(int) - np.asarray(scene.image))[deep_inside(mask)]
        assert difference.mean() < 3


def test_a_region_keeps_its_light():
    levels = np.asarray(even()).copy()
    levels[:, : WIDTH // 2] = 190
    after = painted(Image.fromarray(levels), trapezoid(), in_plane()).astype(int)
    assert after[300, 100].sum() > 1.15 * after[300, -100].sum()


@pytest.mark.parametrize(
    "faces, mask, size",
    [
        (in_plane(width=4, height=4), trapezoid(), SMALL),
        (in_plane(width=2, height=6), trapezoid(), PORTRAIT),
        (in_plane(width=6, height=2), trapezoid(), LARGE),
        (in_plane(width=4, height=40), trapezoid(), PORTRAIT),
    ],
)
def test_the_canvas_has_the_ratio_of_the_plane(faces, mask, size):
    frame = canvas_of(even(), mask, faces).frame
    assert isinstance(frame, PlaneFrame)
    assert frame.size == size


def test_a_large_photo_has_a_large_canvas():
    photo = even().resize((1920, 1440))
    mask = np.asarray(Image.fromarray(trapezoid()).resize((1920, 1440)))
    assert canvas_of(photo, mask, in_plane()).frame.size == LARGE


@pytest.mark.parametrize(
    "corners",
    [
        ((0.45, 0.6), (0.55, 0.6), (1.0, 1.0), (0.0, 1.0)),  # much of it beyond the horizon
        ((0.1, 0.62), (0.9, 0.62), (1.0, 0.64), (0.0, 0.64)),
    ],
    ids=["beyond the horizon", "edge on"],
)
def test_a_region_that_cannot_lie_in_its_plane_has_a_flat_canvas(corners):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:350, 20:460] = True
    assert canvas_of(even(), mask, in_plane(corners)).frame == Frame.of(mask)
    assert canvas_of(even(), mask).frame == Frame.of(mask)


def test_a_frame_is_kept_as_numbers_and_is_the_same_again():
    scene = room(5)
    mask = scene.mask("Wall")
    faces = PhotoPlanes(np.asarray(scene.image)).sure_faces(mask)
    for frame in (canvas_of(scene.image, mask, faces).frame, Frame.of(mask)):
        numbers = json.loads(json.dumps(frame.numbers))
        assert frame_of(numbers, frame.size) == frame


def test_a_canvas_of_another_part_of_the_photo_is_refused():
    canvas = canvas_of(even(), trapezoid(top=280), in_plane())
    rule = Restyle("7", canvas=canvas.painted(canvas.picture))
    with pytest.raises(InvalidRule) as refused:
        edit(even(), [Part("Floor", trapezoid(bottom=200), rule)])
    assert refused.value.field == "value"
