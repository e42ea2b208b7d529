import numpy as np
import pytest
from PIL import Image

from gpu.errors import LowQualityData, UnusableArtwork
from gpu.training.pictures import prepare_windows, read_artwork
from tests import images as made
from tests.gpu.conftest import write_picture
from webapp.domain.image_decoding import sanitise
from webapp.domain.images import TRAINING_IMAGE


def test_a_photo_is_turned_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    levels = np.random.default_rng(0).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    Image.fromarray(levels).save(path, exif=exif)
    assert read_artwork(path, reduce_to=16).size[0] < read_artwork(path, reduce_to=16).size[1]


def test_transparency_becomes_white_paper(tmp_path):
    path = tmp_path / "ink.png"
    drawing = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    drawing.paste((0, 0, 0, 255), (0, 0, 16, 32))
    drawing.save(path)
    picture = read_artwork(path, reduce_to=16)
    assert picture.mode == "RGB"
    assert picture.getpixel((31, 0)) == (255, 255, 255)
    assert picture.getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
def test_every_colour_mode_of_a_jpeg_is_read(tmp_path, mode):
    path = tmp_path / "artwork.jpg"
    levels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(levels).convert(mode).save(path)
    assert read_artwork(path, reduce_to=16).mode == "RGB"


def test_sixteen_bits_keep_their_shades(tmp_path):
    path = tmp_path / "deep.png"
    shades = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(shades).save(path)
    levels = np.asarray(read_artwork(path, reduce_to=16))
    assert levels.min() == 0
    assert levels.max() == 255
    assert abs(levels.mean() - 127.5) < 1


def test_other_formats_are_refused_whatever_their_name(tmp_path):
    path = tmp_path / "artwork.png"
    Image.new("RGB", (32, 32), "red").save(path, format="GIF")
    with pytest.raises(LowQualityData, match=r"artwork\.png cannot be read as JPEG or PNG"):
        read_artwork(path, reduce_to=16)


def test_a_truncated_file_is_refused(tmp_path):
    path = write_picture(tmp_path / "artwork.jpg", width=400, height=400)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(LowQualityData, match="rows of pixels are missing"):
        read_artwork(path, reduce_to=16)


def test_a_huge_header_is_refused(tmp_path):
    path = tmp_path / "huge.png"
    Image.new("1", (20_000, 20_000)).save(path)
    with pytest.raises(LowQualityData, match="more than 50000000 pixels") as caught:
        read_artwork(path, reduce_to=16)
    assert caught.value.unusable == (UnusableArtwork("huge.png", "IMAGE_TOO_LARGE_PIXELS"),)


def test_white_ink_on_a_clear_sheet_is_seen(tmp_path):
    path = tmp_path / "ink.png"
    drawing = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    drawing.paste((255, 255, 255, 255), (0, 0, 8, 64))
    drawing.save(path)
    levels = np.asarray(read_artwork(path, reduce_to=16))
    assert levels[0, 0].tolist() == [255, 255, 255]
    assert levels[0, 63].max() < 64


@pytest.mark.parametrize("size", [(1100, 64), (64, 1100)])
def test_a_work_longer_than_windows_can_show_is_refused(tmp_path, size):
    path = write_picture(tmp_path / "ribbon.png", width=size[0], height=size[1])
    with pytest.raises(LowQualityData, match=r"ribbon\.png is too long"):
        read_artwork(path, reduce_to=16)


def test_a_work_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LowQualityData, match=r"gone\.png cannot be read"):
        read_artwork(tmp_path / "gone.png", reduce_to=16)


def test_what_a_check_accepts_a_training_takes(tmp_path, tiny_base):
    """Every kind of good file, through the check and then through the trainer's own reading."""
    good = [
        made.png(), made.jpeg(), made.jpeg_turned(), made.cmyk_jpeg(), made.grey_jpeg(),
        made.sixteen_bit_png(), made.palette_png_with_transparency(), made.png_text_bomb(),
        made.multi_picture_jpeg(), made.png_with_profile(made.swapped_profile()),
        made.jpeg_with_broken_exif(), made.encoded(made.scene(5000, 512)),
    ]  # fmt: skip
    for index, data in enumerate(good):
        safe = sanitise(data, TRAINING_IMAGE)
        path = tmp_path / f"artwork-{index}"
        path.write_bytes(safe.data)
        assert prepare_windows(path, tiny_base)
