import json
import struct

import numpy as np
import pytest

from tests import making
from webapp.domain.style_files import DamagedStyleFile, NonFiniteStyleFile, inspect


def file_of(dtype, data, *, end=None, metadata=None):
    tensor = {"dtype": dtype, "shape": [1], "data_offsets": [0, len(data) if end is None else end]}
    header = json.dumps({"__metadata__": metadata, "a": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + data


def test_a_style_file_says_which_weights_it_belongs_to():
    assert inspect(making.ADAPTER).base_model_sha256 == making.BASE_SHA256
    assert inspect(file_of("F32", bytes(4))).base_model_sha256 is None
    assert (
        inspect(file_of("F32", bytes(4), metadata={"base_model_sha256": 7})).base_model_sha256
        is None
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_found(number):
    with pytest.raises(NonFiniteStyleFile, match="not finite"):
        inspect(making.adapter(1.0, number, 2.0))


@pytest.mark.parametrize(
    "dtype,good,bad",
    [
        ("F16", np.float16(65504), np.float16("inf")),
        ("F64", np.float64(1e300), np.float64("nan")),
        ("BF16", np.uint16(0x7F7F), np.uint16(0x7F80)),
        ("BF16", np.uint16(0xFF7F), np.uint16(0xFFC0)),
    ],
)
def test_every_precision_is_looked_at(dtype, good, bad):
    inspect(file_of(dtype, good.tobytes()))
    with pytest.raises(NonFiniteStyleFile):
        inspect(file_of(dtype, bad.tobytes()))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"the adapter of a style",
        making.ADAPTER[:40],
        making.ADAPTER[:-1],
        struct.pack("<Q", 2**60),
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 9) + b'{"a": {}}',
        file_of("I8", bytes(4)),
        file_of("F32", bytes(4), end=400),
        file_of("F32", bytes(4), end=-1),
        file_of("F32", bytes(3)),
    ],
)
def test_what_is_no_style_file_is_damaged(content):
    with pytest.raises(DamagedStyleFile):
        inspect(content)
