import hashlib

import numpy as np
import pytest

from gpu.signature.chip_map import CHIPS, chip_map
from gpu.signature.convolutional_code import CODED_BITS

KEY = b"sixteen bytes or more"


def test_every_block_of_32_by_32_chips_carries_each_coded_bit_three_times():
    slots = chip_map(KEY).slots
    for top in range(0, CHIPS, 32):
        for left in range(0, CHIPS, 32):
            block = slots[top : top + 32, left : left + 32]
            assert np.bincount(block[block >= 0], minlength=CODED_BITS).tolist() == [3] * CODED_BITS


def test_every_block_of_two_by_two_chips_has_one_synchronisation_chip():
    known = chip_map(KEY).sync != 0
    assert (known.reshape(CHIPS // 2, 2, CHIPS // 2, 2).sum((1, 3)) == 1).all()
    assert np.array_equal(known, chip_map(KEY).slots == -1)


def test_maps_of_two_keys_are_uncorrelated():
    first, second = chip_map(KEY).chips(7), chip_map(KEY + b"!").chips(7)
    # Five standard deviations of 16,384 random signs.
    assert abs(float((first * second).mean())) < 5 / CHIPS


def test_two_numbers_share_the_synchronisation_chips_and_differ_in_the_others():
    keyed = chip_map(KEY)
    first, second = keyed.chips(1), keyed.chips(2)
    known = keyed.sync != 0
    assert np.array_equal(first[known], second[known])
    assert (first[~known] != second[~known]).any()


def test_the_map_of_a_key_does_not_change():
    # Delivered pictures contain this map. Never change the digest with the code.
    keyed = chip_map(b"a key to remember")
    pattern = (keyed.chips(0xFEED_FACE_CAFE_BEEF) > 0).tobytes() + keyed.slots.astype(
        "<i8"
    ).tobytes()
    assert (
        hashlib.sha256(pattern).hexdigest()
        == "03223b0aa0f706d1ddd261896ece65837d28d264a6ae5db7d2ddaf4771fa3430"
    )


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="needs 16 bytes, not 3"):
        chip_map(b"key")
