import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from imaging.reading import read_picture
from imaging.writing import encode_png
from tests.ordinary_photos import photographs


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    height=st.sampled_from([1, 2, 63, 64, 65, 128, 150]),
    width=st.integers(1, 40),
    channels=st.sampled_from([3, 4]),
)
def test_every_byte_of_a_written_picture_is_read_again(seed, height, width, channels):
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    image = Image.open(io.BytesIO(encode_png(Image.fromarray(levels))))
    assert (image.format, image.mode) == ("PNG", "RGB" if channels == 3 else "RGBA")
    assert np.array_equal(np.asarray(image), levels)


def test_our_own_reader_takes_what_was_written():
    photo = photographs()["china"]
    assert np.array_equal(np.asarray(read_picture(encode_png(photo))), np.asarray(photo))


def test_nothing_but_pixels_is_written():
    photo = Image.new("RGB", (30, 20), "teal")
    photo.info = {"icc_profile": b"profile", "dpi": (72, 72), "exif": b"Exif\0\0"}
    image = Image.open(io.BytesIO(encode_png(photo)))
    image.load()
    assert image.info == {}


def test_the_file_of_a_photo_is_about_as_large_as_pillow_makes_it():
    photo, stream = photographs()["flower"], io.BytesIO()
    photo.save(stream, "PNG", compress_level=2)
    assert len(encode_png(photo)) < 1.1 * len(stream.getvalue())


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK"])
def test_a_picture_of_another_mode_is_refused(mode):
    with pytest.raises(ValueError, match="RGB or RGBA"):
        encode_png(Image.new(mode, (4, 4)))
