import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gpu.signature.convolutional_code import CODED_BITS, FREE_DISTANCE, MAX_NUMBER, decode, encode

numbers = st.integers(0, MAX_NUMBER)


@given(numbers)
@settings(max_examples=40, deadline=None)
def test_an_encoded_number_is_decoded(number):
    coded = encode(number)
    assert coded.shape == (CODED_BITS,)
    assert set(coded) <= {-1.0, 1.0}
    assert decode(coded) == number


@given(numbers, st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_number_is_decoded_at_a_signal_to_noise_ratio_of_one(number, seed):
    noise = np.random.default_rng(seed).normal(0, 1, CODED_BITS)
    assert decode(encode(number) + noise) == number


@given(numbers, st.integers(0, 63))
@settings(max_examples=40, deadline=None)
def test_one_changed_bit_changes_twenty_four_coded_ones_the_free_distance_of_the_code(
    number, place
):
    assert np.count_nonzero(encode(number) != encode(number ^ 1 << place)) == FREE_DISTANCE


@given(numbers)
@settings(max_examples=20, deadline=None)
def test_a_third_of_the_coded_bits_may_be_lost(number):
    coded = encode(number)
    coded[::3] = 0
    assert decode(coded) == number


def test_rotated_bits_have_rotated_codes_because_the_code_is_tail_biting():
    number = 0x0123_4567_89AB_CDEF
    turned = (number << 1 | number >> 63) & MAX_NUMBER
    assert np.array_equal(encode(turned), np.roll(encode(number), 4))


@pytest.mark.parametrize("number", [-1, MAX_NUMBER + 1])
def test_a_number_out_of_range_is_refused(number):
    with pytest.raises(ValueError, match="number must lie in"):
        encode(number)
