import numpy as np
import pytest
from scipy import ndimage

from gpu.rules.colour import colour_difference
from gpu.rules.errors import InvalidRule
from gpu.rules.regions import Part
from tests.editing import as_light, deep_inside, edit, median, product, rule, solid


def behind(seed, action, value=None, *, grown=0, **options):
    scene = product(seed)
    mask = scene.mask("Background")
    if grown:
        mask = ndimage.binary_dilation(mask, iterations=grown)
    return (
        scene,
        mask,
        edit(scene.image, [Part("Background", mask, rule(action, value, **options))]),
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_removed_background_is_transparent_and_holds_nothing_of_the_old_one(seed):
    scene, mask, levels = behind(seed, "remove_background")
    deep = deep_inside(mask)
    assert levels.shape[2] == 4
    assert (levels[deep] == (255, 255, 255, 0)).all()
    assert (levels[~mask, 3] == 255).all()
    assert np.array_equal(levels[~mask, :3], np.asarray(scene.image)[~mask])


def test_a_cut_out_edge_has_no_halo_of_the_old_backdrop():
    scene, mask, levels = behind(2, "remove_background", grown=2)
    half = (levels[..., 3] > 20) & (levels[..., 3] < 250)
    assert half.sum() > 50
    body = np.median(np.asarray(scene.image)[scene.mask("Body")], axis=0).astype(np.uint8)
    backdrop = median(np.asarray(scene.image), mask).astype(np.uint8)
    to_body = colour_difference(levels[half][:, :3], body[None])
    to_backdrop = colour_difference(levels[half][:, :3], backdrop[None])
    assert (to_body < to_backdrop).mean() > 0.8


def test_a_new_backdrop_is_even():
    _, mask, levels = behind(0, "background", "#F0F4F8")
    deep = deep_inside(mask)
    assert np.abs(levels[deep].astype(int) - (240, 244, 248)).max() <= 1


def test_the_contact_shadow_stays_as_far_as_asked():
    _, mask, none = behind(0, "background", "#F0F4F8", shadow=0)
    _, _, half = behind(0, "background", "#F0F4F8", shadow=0.5)
    _, _, whole = behind(0, "background", "#F0F4F8", shadow=1)
    deep = deep_inside(mask)
    darkest = [int(levels[deep].min()) for levels in (none, half, whole)]
    assert darkest[0] > darkest[1] > darkest[2]


def test_a_backdrop_can_be_a_swatch():
    _, _, levels = behind(0, "background", "oak", share=0.5)
    colours = {tuple(colour) for colour in levels[5, 5:-5].tolist()}
    assert {(200, 200, 200), (90, 60, 40)} <= colours


def test_a_highlight_of_the_product_is_not_taken_for_backdrop():
    scene = product(0)
    everything = np.ones(scene.mask("Gloss").shape, bool)
    gloss = scene.mask("Gloss")
    levels = edit(
        scene.image,
        [Part("Background", everything, rule("background", "#FFFFFF")), as_light("Gloss", gloss)],
    )
    assert np.array_equal(levels[gloss], np.asarray(scene.image)[gloss])


def test_an_unknown_swatch_is_refused_by_the_engine_too():
    from gpu.rules.background import Background
    from gpu.rules.texture import Texture

    scene = product(0)
    for made in (Background("walnut"), Texture("walnut")):
        with pytest.raises(InvalidRule):
            edit(
                scene.image,
                [
                    Part("Background", scene.mask("Background"), made),
                    solid("x", scene.mask("Logo")),
                ],
            )
