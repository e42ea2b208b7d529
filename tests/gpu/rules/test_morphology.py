import numpy as np
import pytest
from scipy import ndimage

from gpu.rules.morphology import grown, indices_of, shrunk

SIZES = [(1, 1), (1, 40), (40, 1), (7, 9), (50, 37)]


def masks(size):
    """Dense, sparse and full masks of a size."""
    random = np.random.default_rng(sum(size))
    return [random.random(size) < share for share in (0.02, 0.5, 0.97, 0, 2)]


@pytest.mark.parametrize("pixels", [1, 2, 3, 5])
@pytest.mark.parametrize("size", SIZES)
def test_a_mask_shrinks_as_by_a_filter_of_the_least_value(size, pixels):
    for mask in masks(size):
        least = ndimage.minimum_filter(mask.view(np.uint8), 2 * pixels + 1, mode="nearest")
        assert np.array_equal(shrunk(mask, pixels), least.view(bool))


@pytest.mark.parametrize("pixels", [1, 2, 3, 5])
@pytest.mark.parametrize("size", SIZES)
def test_a_mask_grows_as_by_a_filter_of_the_greatest_value(size, pixels):
    for mask in masks(size):
        most = ndimage.maximum_filter(mask.view(np.uint8), 2 * pixels + 1, mode="nearest")
        assert np.array_equal(grown(mask, pixels), most.view(bool))


def test_a_mask_that_is_a_part_of_a_larger_one_shrinks_alone():
    whole = np.ones((30, 30), bool)
    whole[:, :10] = False
    assert shrunk(whole[:, 10:], 5).all()
    assert whole[:, 10:].all()


@pytest.mark.parametrize("size", SIZES)
def test_indices_are_those_of_nonzero_in_its_order(size):
    for mask in masks(size):
        for part in (mask, mask.T, mask[::2, ::2]):
            rows, columns = indices_of(part)
            wanted = np.nonzero(part)
            assert np.array_equal(rows, wanted[0])
            assert np.array_equal(columns, wanted[1])
