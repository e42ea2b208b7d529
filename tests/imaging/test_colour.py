"""Equal colours with different metadata give equal sRGB values, computed here by formula."""

import itertools
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from imaging.reading import read_picture
from tests import images as made

LEVELS = (0, 20, 60, 100, 128, 180, 220, 255)
STORED = np.array(list(itertools.product(LEVELS, repeat=3)), dtype=np.uint8).reshape(16, 32, 3)

SRGB_GAMUT = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3_GAMUT = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
WIDE_GAMUT = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
ADOBE_GAMUT = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
D65 = (0.3127, 0.3290)


def to_xyz(gamut):
    """From linear RGB of a gamut with white D65 to XYZ (SMPTE RP 177)."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in gamut]).T
    x, y = D65
    return columns * (np.linalg.inv(columns) @ [x / y, 1, (1 - x - y) / y])


def srgb_light(v):
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def srgb_signal(light):
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def bt709_light(v):
    return np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))


def expected(light, gamut):
    """STORED as 8-bit sRGB, given its curve to linear light and its gamut."""
    linear = light(STORED / 255.0) @ (np.linalg.inv(to_xyz(SRGB_GAMUT)) @ to_xyz(gamut)).T
    return srgb_signal(linear) * 255


def png(*chunks):
    data = made.encoded(Image.fromarray(STORED))
    return data[:33] + b"".join(made.chunk(*each) for each in chunks) + data[33:]


def cicp(primaries, transfer, matrix=0, full=1):
    return b"cICP", bytes([primaries, transfer, matrix, full])


def gama(exponent):
    return b"gAMA", round(exponent * 100_000).to_bytes(4, "big")


def chrm(gamut, white=D65):
    numbers = [number for pair in (white, *gamut) for number in pair]
    return b"cHRM", struct.pack(">8I", *(round(number * 100_000) for number in numbers))


def iccp(profile):
    return b"iCCP", b"p\0\0" + zlib.compress(profile)


SRGB = b"sRGB", b"\0"
PLAIN = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def converted_levels(data):
    return np.asarray(read_picture(data)).astype(float)


def assert_close(converted, expected_levels):
    # Eight bits in and out: LittleCMS rounds the dark end of a curve to neighbouring levels.
    assert np.abs(converted - expected_levels).max() <= 2.5
    assert np.abs(converted - expected_levels).mean() < 0.5


@pytest.mark.parametrize(
    "chunks,light,gamut",
    [
        ([cicp(1, 13)], srgb_light, SRGB_GAMUT),
        ([cicp(12, 13)], srgb_light, P3_GAMUT),
        ([cicp(9, 13)], srgb_light, WIDE_GAMUT),
        ([cicp(1, 1)], bt709_light, SRGB_GAMUT),
        ([cicp(9, 14)], bt709_light, WIDE_GAMUT),
        ([cicp(1, 4)], lambda v: v**2.2, SRGB_GAMUT),
        ([cicp(1, 8)], lambda v: v, SRGB_GAMUT),
        ([gama(0.45455)], lambda v: v ** (1 / 0.45455), SRGB_GAMUT),
        ([gama(1)], lambda v: v, SRGB_GAMUT),
        ([gama(1 / 1.8)], lambda v: v**1.8, SRGB_GAMUT),
        ([gama(0.45455), chrm(ADOBE_GAMUT)], lambda v: v ** (1 / 0.45455), ADOBE_GAMUT),
        ([gama(0.45455), chrm(P3_GAMUT)], lambda v: v ** (1 / 0.45455), P3_GAMUT),
    ],
)
def test_colours_are_converted_by_the_chunks(chunks, light, gamut):
    assert_close(converted_levels(png(*chunks)), expected(light, gamut))


@pytest.mark.parametrize("chunks", [[], [SRGB], [iccp(PLAIN)], [chrm(P3_GAMUT)]])
def test_srgb_and_pictures_without_chunks_do_not_change(chunks):
    assert_close(converted_levels(png(*chunks)), STORED)


def test_a_profile_with_swapped_colours_is_applied():
    assert_close(converted_levels(png(iccp(made.swapped_profile()))), STORED[..., ::-1])


RED_IS_BLUE = STORED[..., ::-1].astype(float)
LINEAR = expected(lambda v: v, SRGB_GAMUT)


@pytest.mark.parametrize(
    "chunks,expected_levels",
    [
        ([cicp(1, 8), iccp(made.swapped_profile()), SRGB, gama(1 / 1.8)], LINEAR),
        ([cicp(1, 13), iccp(made.swapped_profile()), gama(1)], STORED),
        ([iccp(made.swapped_profile()), SRGB, gama(1)], RED_IS_BLUE),
        ([SRGB, gama(1), chrm(P3_GAMUT)], STORED),
        ([gama(1), iccp(made.swapped_profile())], RED_IS_BLUE),
        # Invalid metadata are ignored.
        ([cicp(200, 13), iccp(made.swapped_profile())], RED_IS_BLUE),
        ([cicp(1, 8, matrix=9), gama(1)], LINEAR),
        ([cicp(1, 8, full=0), SRGB], STORED),
        ([iccp(b"no profile"), gama(1)], LINEAR),
        ([iccp(b"no profile"), SRGB, gama(1)], STORED),
        ([gama(0), SRGB], STORED),
        ([gama(1), chrm(((0, 0), (0, 0), (0, 0)))], STORED),
    ],
)
def test_the_first_valid_metadata_are_used(chunks, expected_levels):
    assert_close(converted_levels(png(*chunks)), expected_levels)


def pq_signal(nits):
    share = (np.asarray(nits) / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * share) / (1 + 18.6875 * share)) ** 78.84375


@pytest.mark.parametrize("nits,level", [(0, 0), (203, 255), (1000, 255), (203 * 0.214041, 128)])
def test_the_reference_white_of_hdr_becomes_white(nits, level):
    stored = round(255 * float(pq_signal(nits)))
    data = made.encoded(Image.new("RGB", (16, 16), (stored,) * 3))
    chunks = made.chunk(*cicp(1, 16))
    converted = read_picture(data[:33] + chunks + data[33:]).getpixel((3, 3))
    assert max(abs(each - level) for each in converted) <= 4  # 8-bit PQ is that coarse


def test_hybrid_log_gamma_has_the_same_black_and_white():
    data = made.encoded(
        Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (8, 1))).convert("RGB")
    )
    row = np.asarray(read_picture(data[:33] + made.chunk(*cicp(9, 18)) + data[33:]))[0, :, 0]
    assert row[0] == 0
    assert row[255] == 255
    assert (np.diff(row.astype(int)) >= 0).all()
    # 75 % of the signal is reference white (BT.2408).
    assert abs(int(row[191]) - 255) <= 2


def test_alpha_is_not_converted():
    image = Image.fromarray(STORED).convert("RGBA")
    image.putalpha(100)
    data = made.encoded(image)
    converted = read_picture(data[:33] + made.chunk(*gama(1)) + data[33:])
    assert converted.mode == "RGBA"
    assert converted.getchannel("A").getextrema() == (100, 100)
    assert_close(np.asarray(converted.convert("RGB")).astype(float), LINEAR)


def test_grey_and_palettes_are_converted_by_chunks():
    grey = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (8, 1)))
    for image in (grey, grey.convert("P")):
        data = made.encoded(image)
        row = np.asarray(read_picture(data[:33] + made.chunk(*gama(1)) + data[33:]))[0]
        expected_levels = 255 * srgb_signal(np.arange(256) / 255)
        assert np.abs(row - expected_levels[:, None]).max() <= 1.5


def test_a_jpeg_is_converted_by_its_profile():
    image = made.half_and_half()
    data = made.encoded(
        image, "JPEG", quality=98, subsampling=0, icc_profile=made.swapped_profile()
    )
    left = read_picture(data).getpixel((50, 100))
    assert max(abs(a - b) for a, b in zip(left, (30, 30, 220), strict=True)) <= 5
