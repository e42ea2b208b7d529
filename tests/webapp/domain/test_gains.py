from dataclasses import astuple

import pytest

from webapp.domain import gains
from webapp.domain.gains import MeasuredGain


@pytest.mark.parametrize(
    "measured, learned, is_low",
    [
        ((1.0, 0.9, 1.0), ("well", "well", "well"), False),
        ((0.7, 0.4, 0.7), ("well", "partly", "well"), False),
        ((0.8, 0.5, 0.2), ("well", "partly", "hardly"), True),
        ((-0.3, 0.69, 1.4), ("hardly", "partly", "well"), True),
        ((1.2, 1.1, 1.8), ("well", "well", "overdone"), False),
        ((1.0, 1.0, 3.0), ("well", "well", "overdone"), True),
    ],
)
def test_numbers_of_a_gain_mean_something(measured, learned, is_low):
    gain = gains.learned(MeasuredGain(*measured))
    assert (gain.palette, gain.texture, gain.edges) == measured
    assert astuple(gain.learned) == learned
    assert gain.is_low is is_low
