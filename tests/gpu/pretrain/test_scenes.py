"""The scene generator: a seed draws the same pixels every time, and masks match the things."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageOps

from gpu.pretrain.scenes import FRAME_SIZES, VERSIONS, Plan, draw_scene
from gpu.pretrain.vocabulary import Colour, Count, Place, Position, Size, Thing, Time


def test_a_seed_draws_the_same_pixels_and_tags_every_time():
    first, second = draw_scene(11, (128, 128)), draw_scene(11, (128, 128))

    assert first.tags == second.tags
    assert np.array_equal(first.image, second.image)


def test_different_seeds_draw_different_scenes():
    pictures = {draw_scene(seed, (64, 64)).image.tobytes() for seed in range(20)}

    assert len(pictures) == 20


def test_drawing_masks_does_not_change_the_picture():
    plain, masked = draw_scene(5, (96, 96)), draw_scene(5, (96, 96), with_masks=True)

    assert np.array_equal(plain.image, masked.image)


@pytest.mark.parametrize("size", FRAME_SIZES)
def test_every_frame_size_is_drawn_at_that_size(size):
    scene = draw_scene(3, size, with_masks=True)

    assert scene.image.size == size
    assert all(mask.size == size for _, mask in scene.masks)


@pytest.mark.parametrize("thing", list(Thing))
def test_a_mask_covers_exactly_the_pixels_its_thing_changed(thing):
    plan = Plan(thing, Place.PLAIN, colour=Colour.RED)
    scene = draw_scene(8, (128, 128), plan=plan, with_masks=True)
    backdrop = np.asarray(scene.image, int)[
        :, :1
    ]  # a plain backdrop only changes from top to bottom
    changed = (np.abs(np.asarray(scene.image, int) - backdrop) > 12).any(axis=-1)
    ((name, mask),) = scene.masks
    covered = np.asarray(mask) > 127

    assert name is thing
    overlap = (changed & covered).sum() / (changed | covered).sum()
    assert overlap > 0.8


def test_counts_give_one_mask_each_and_they_do_not_overlap():
    plan = Plan(Thing.CAT, Place.SNOW, Time.DAY, Colour.BLACK, count=Count.THREE)
    scene = draw_scene(2, (256, 256), plan=plan, with_masks=True)
    stacked = np.stack([np.asarray(mask) > 127 for _, mask in scene.masks])

    assert [thing for thing, _ in scene.masks] == [Thing.CAT] * 3
    assert stacked.sum(axis=0).max() == 1


@pytest.mark.parametrize(
    "position, lowest, highest",
    [(Position.LEFT, 0.1, 0.4), (Position.CENTRE, 0.4, 0.6), (Position.RIGHT, 0.6, 0.9)],
)
def test_a_position_word_sets_the_position_of_the_thing(position, lowest, highest):
    plan = Plan(Thing.MUSHROOM, Place.MEADOW, Time.DAY, Colour.RED, position=position)
    scene = draw_scene(4, (128, 128), plan=plan, with_masks=True)
    columns = np.nonzero(np.asarray(scene.masks[0][1]) > 127)[1]

    assert lowest < columns.mean() / 128 < highest


def test_big_things_fill_more_than_small_ones():
    areas = []
    for size in (Size.SMALL, None, Size.BIG):
        plan = Plan(Thing.HOUSE, Place.HILLS, Time.DAY, Colour.BLUE, size=size)
        scene = draw_scene(6, (128, 128), plan=plan, with_masks=True)
        areas.append((np.asarray(scene.masks[0][1]) > 127).sum())

    assert areas == sorted(areas)


def test_things_fill_the_same_share_of_frames_of_all_sizes():
    shares = []
    for side in (128, 256):
        scene = draw_scene(9, (side, side), with_masks=True)
        shares.append((np.asarray(scene.masks[-1][1]) > 127).mean())

    assert shares[0] == pytest.approx(shares[1], rel=0.05)


def test_every_thing_can_be_drawn_in_every_place():
    for thing in Thing:
        for place in Place:
            colour = Colour.PINK
            scene = draw_scene(1, (32, 32), plan=Plan(thing, place, Time.NIGHT, colour))
            assert scene.image.getextrema() != ((0, 0), (0, 0), (0, 0))


def test_scenes_of_the_third_version_vary_more_than_those_of_the_second():
    plan = Plan(Thing.HOUSE, Place.MEADOW, Time.DAY, Colour.RED)

    def deviation(variation):
        pictures = [
            np.asarray(draw_scene(seed, (128, 128), plan=plan, variation=variation).image, float)
            for seed in range(24)
        ]
        return float(np.std(pictures, axis=0).mean())

    assert deviation(VERSIONS["scenes-3"]) > 1.5 * deviation(VERSIONS["scenes-2"])


def test_half_of_the_scenes_without_a_position_are_mirrored():
    plan = Plan(Thing.TRAIN, Place.PLAIN, colour=Colour.RED)
    variation = VERSIONS["scenes-3"]

    def is_mirrored(seed, plan):
        drawn = draw_scene(seed, (64, 64), plan=plan, variation=variation).image
        straight = draw_scene(
            seed, (64, 64), plan=plan, variation=replace(variation, mirrored=0.0)
        ).image
        if drawn.tobytes() == straight.tobytes():
            return False
        assert drawn.tobytes() == ImageOps.mirror(straight).tobytes()
        return True

    assert 12 < sum(is_mirrored(seed, plan) for seed in range(48)) < 36
    placed = replace(plan, position=Position.LEFT)
    assert not any(is_mirrored(seed, placed) for seed in range(12))
