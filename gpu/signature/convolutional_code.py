"""Error correction of the watermark: 64 bits to 256 and back, with soft decisions.

A tail-biting convolutional code of constraint length 9 and rate 1/4, decoded by the Viterbi
algorithm. The generators are those of largest free distance (Proakis, Digital Communications,
table 8.3-3). Reed-Solomon and BCH libraries need hard decisions, which lose about 2 dB at this
signal-to-noise ratio.
"""

import numpy as np
from numpy.typing import NDArray

DATA_BITS = 64
MAX_NUMBER = 2**DATA_BITS - 1
GENERATORS = (0o463, 0o535, 0o733, 0o745)
CODED_BITS = DATA_BITS * len(GENERATORS)
FREE_DISTANCE = 24

_MEMORY = 8
_STATES = 1 << _MEMORY
# The first state of a tail-biting path is unknown: decode three repetitions and use the middle one.
_REPETITIONS = 3

Soft = NDArray[np.float64]


def _parities(words: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.bitwise_count(words).astype(np.int64) & 1


# The register holds the newest bit above the eight before it. The state is the register's upper
# eight bits after the step, so `_REGISTERS[s, k]` are the two registers that lead to state `s`.
_REGISTERS = 2 * np.arange(_STATES)[:, None] + np.arange(2)
_PREVIOUS = _REGISTERS & (_STATES - 1)
_OUTPUTS = 1.0 - 2.0 * _parities(_REGISTERS[..., None] & np.array(GENERATORS))


def encode(number: int) -> Soft:
    """Encode `number` (0 to 2**64 - 1) as 256 values of +1 (bit 0) and -1 (bit 1).

    Raises ValueError outside that range.
    """
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"number must lie in 0 to 2**{DATA_BITS} - 1, not {number}")
    bits = np.array([number >> bit & 1 for bit in range(DATA_BITS)])
    coded = np.empty((DATA_BITS, len(GENERATORS)))
    for index, generator in enumerate(GENERATORS):
        taps = [tap for tap in range(_MEMORY + 1) if generator >> (_MEMORY - tap) & 1]
        # Tail-biting makes each output stream a circular convolution of the data bits.
        coded[:, index] = 1 - 2 * (sum(np.roll(bits, tap) for tap in taps) % 2)
    return coded.reshape(-1)


def decode(soft: Soft) -> int:
    """Most likely number for 256 soft decisions: the sign is the bit, the size its confidence."""
    steps = np.tile(soft.reshape(DATA_BITS, len(GENERATORS)), (_REPETITIONS, 1))
    branch_metrics = np.einsum("skg,tg->tsk", _OUTPUTS, steps)
    metrics = np.zeros(_STATES)
    choices = np.empty((len(steps), _STATES), np.uint8)
    for step, branch_metric in enumerate(branch_metrics):
        paths = metrics[_PREVIOUS] + branch_metric
        choices[step] = paths[:, 1] > paths[:, 0]
        metrics = paths.max(axis=1)
    state = int(metrics.argmax())
    number = 0
    for step in range(len(steps) - 1, DATA_BITS - 1, -1):
        if step < 2 * DATA_BITS:
            number |= (state >> (_MEMORY - 1)) << (step - DATA_BITS)
        state = int(_PREVIOUS[state, choices[step, state]])
    return number
