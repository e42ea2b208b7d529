import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gpu.errors import LowQualityData
from gpu.training import pictures
from gpu.training.pictures import aspect_buckets, fit_to_bucket, nearest_bucket, read_work
from tests.gpu.conftest import write_picture

BUCKETS = aspect_buckets(512, 64)


def circle_picture(width, height):
    """A circle whose diameter is half of the shorter side, in the middle."""
    y, x = np.mgrid[:height, :width]
    radius = min(width, height) / 4
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < radius**2
    return Image.fromarray(np.where(inside[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2))


def test_buckets_have_about_the_same_area_and_fit_the_network():
    assert (512, 512) in BUCKETS
    for width, height in BUCKETS:
        assert width % 64 == height % 64 == 0
        assert 0.9 < width * height / 512**2 < 1.2


@given(st.integers(64, 3000), st.integers(64, 3000))
def test_buckets_never_squash_a_picture(width, height):
    picture = Image.new("RGB", (width, height))
    bucket = nearest_bucket(picture, BUCKETS)
    scale = max(bucket[0] / width, bucket[1] / height)
    assert round(width * scale) >= bucket[0]
    assert round(height * scale) >= bucket[1]


@pytest.mark.parametrize("size", [(600, 600), (900, 600), (500, 900), (1500, 400)])
def test_a_circle_stays_a_circle_in_every_bucket(size):
    fitted = fit_to_bucket(circle_picture(*size), nearest_bucket(Image.new("L", size), BUCKETS))
    bright = np.asarray(fitted.convert("L")) > 127
    wide = bright.any(axis=0).sum()
    high = bright.any(axis=1).sum()
    assert wide > 50
    assert abs(int(wide) - int(high)) <= 2


def test_the_crop_keeps_the_side_where_something_is_going_on():
    levels = np.full((100, 400, 3), 128, dtype=np.uint8)
    levels[:, 300:] = np.random.default_rng(0).integers(0, 256, (100, 100, 3))
    fitted = np.asarray(fit_to_bucket(Image.fromarray(levels), (100, 100)), dtype=float)
    assert fitted[:, 20:].std() > 30


def test_a_photo_is_turned_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    levels = np.random.default_rng(0).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    Image.fromarray(levels).save(path, exif=exif)
    assert read_work(path, reduce_to=16).size[0] < read_work(path, reduce_to=16).size[1]


def test_transparency_becomes_white_paper(tmp_path):
    path = tmp_path / "ink.png"
    drawing = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    drawing.paste((0, 0, 0, 255), (0, 0, 16, 32))
    drawing.save(path)
    picture = read_work(path, reduce_to=16)
    assert picture.mode == "RGB"
    assert picture.getpixel((31, 0)) == (255, 255, 255)
    assert picture.getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
def test_every_colour_mode_of_a_jpeg_is_read(tmp_path, mode):
    path = tmp_path / "work.jpg"
    levels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(levels).convert(mode).save(path)
    assert read_work(path, reduce_to=16).mode == "RGB"


def test_sixteen_bits_keep_their_shades(tmp_path):
    path = tmp_path / "deep.png"
    shades = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(shades).save(path)
    levels = np.asarray(read_work(path, reduce_to=16))
    assert levels.min() == 0
    assert levels.max() == 255
    assert abs(levels.mean() - 127.5) < 1


def test_other_formats_are_refused_whatever_their_name(tmp_path):
    path = tmp_path / "work.png"
    Image.new("RGB", (32, 32), "red").save(path, format="GIF")
    with pytest.raises(LowQualityData, match=r"work\.png cannot be read"):
        read_work(path, reduce_to=16)


def test_a_truncated_file_is_refused(tmp_path):
    path = write_picture(tmp_path / "work.jpg", width=400, height=400)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(LowQualityData, match="cannot be read"):
        read_work(path, reduce_to=16)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    path = write_picture(tmp_path / "work.png")
    with pytest.raises(LowQualityData, match="more than 1000 pixels"):
        read_work(path, reduce_to=16)


def test_a_huge_header_is_refused(tmp_path):
    path = tmp_path / "huge.png"
    Image.new("1", (20_000, 20_000)).save(path)
    with pytest.raises(LowQualityData, match="pixels"):
        read_work(path, reduce_to=16)
