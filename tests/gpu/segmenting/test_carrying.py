import numpy as np
import pytest
from PIL import Image

from gpu.segmenting.carrying import Evidence, carry
from gpu.segmenting.masks import intersection_over_union
from gpu.segmenting.scenes import rooms
from tests.editing import product, room
from tests.ordinary_photos import patterns, photographs

SEEDS = (600, 601)  # nothing was tuned on these scenes
SIZE = (480, 360)


def in_evening_light(photo):
    """The same photo in warm, dim light from one side, with other grain."""
    light = (np.asarray(photo) / 255) ** 2.2 * (0.6, 0.49, 0.37)
    light *= np.linspace(0.6, 1.4, photo.width)[None, :, None]
    light += np.random.default_rng(1).normal(0, 0.008, light.shape)
    return Image.fromarray((np.clip(light, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8))


def from_another_place(seed, monkeypatch):
    """The same room, the camera a step to the side and turned."""
    camera = rooms.Camera

    def elsewhere(position, yaw, pitch, focal_length):
        x, y, z = position
        return camera((x + 0.3, y, z), yaw + 0.15, pitch, focal_length)

    with monkeypatch.context() as patch:
        patch.setattr(rooms, "Camera", elsewhere)
        return rooms.draw_room(seed, SIZE, is_tiled=False)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("concept", ["Wall", "Floor"])
def test_a_mask_keeps_its_place_when_only_the_light_has_changed(seed, concept):
    scene = room(seed, SIZE)
    proposal = carry(scene.image, scene.mask(concept), in_evening_light(scene.image))
    assert proposal.evidence is Evidence.PLACE
    assert proposal.confidence > 0.8
    assert intersection_over_union(proposal.mask, scene.mask(concept)) > 0.98


def test_a_mask_follows_a_camera_that_was_pushed_a_little():
    scene = room(600, (520, 400))
    before, after = (20, 20, 500, 380), (28, 14, 508, 374)
    mask = Image.fromarray(scene.mask("Floor"))
    proposal = carry(
        scene.image.crop(before),
        np.asarray(mask.crop(before)),
        in_evening_light(scene.image.crop(after)),
    )
    assert proposal.evidence is Evidence.PLACE
    assert intersection_over_union(proposal.mask, np.asarray(mask.crop(after))) > 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_another_camera_gets_what_looks_alike_and_less_confidence(seed, monkeypatch):
    scene, other = room(seed, SIZE), from_another_place(seed, monkeypatch)
    for concept, least in (("Wall", 0.7), ("Floor", 0.9)):
        proposal = carry(scene.image, scene.mask(concept), other.image)
        assert proposal.evidence is Evidence.LOOK
        assert proposal.confidence <= 0.7
        assert intersection_over_union(proposal.mask, other.mask(concept)) > least, concept


def test_a_mask_fits_a_photo_of_another_size():
    scene = room(601, SIZE)
    larger = in_evening_light(scene.image).resize((960, 720), Image.Resampling.BICUBIC)
    proposal = carry(scene.image, scene.mask("Floor"), larger)
    assert proposal.mask.shape == (720, 960)
    truth = Image.fromarray(scene.mask("Floor")).resize((960, 720), Image.Resampling.NEAREST)
    assert intersection_over_union(proposal.mask, np.asarray(truth)) > 0.97


def test_nothing_is_proposed_where_neither_place_nor_look_holds():
    scene = room(600, SIZE)
    body = product(1, SIZE)
    others = {"even": patterns()["even"]} | photographs()
    for name, other in others.items():
        other.thumbnail((320, 320))
        assert carry(body.image, body.mask("Body"), other) is None, name
    assert carry(body.image, body.mask("Body"), scene.image) is None


def test_an_empty_and_a_full_mask_are_not_carried():
    scene = room(600, SIZE)
    for fill in (False, True):
        assert carry(scene.image, np.full((360, 480), fill), scene.image) is None


def test_a_mask_of_another_size_than_its_photo_is_refused():
    scene = room(600, SIZE)
    with pytest.raises(ValueError, match="the mask is"):
        carry(scene.image, np.zeros((10, 10), bool), scene.image)
