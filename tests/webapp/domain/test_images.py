import io
from dataclasses import replace

import pytest

from tests import images as made
from webapp.domain.images import (
    MEGABYTE,
    PROFILE_IMAGE,
    SIGNATURE_IMAGE,
    TRAINING_IMAGE,
    BadImage,
    are_near,
    content_type,
    inspect,
)


def verdict(data, limits=TRAINING_IMAGE):
    with pytest.raises(BadImage) as caught:
        inspect(data, limits)
    return caught.value.code, caught.value.actual, caught.value.limit


@pytest.mark.parametrize("data,name", [(made.png(), "PNG"), (made.jpeg(), "JPEG")])
def test_a_header_tells_format_size_and_hash(data, name):
    header = inspect(data, TRAINING_IMAGE)
    assert (header.format, header.width, header.height) == (name, 640, 512)
    assert header.size == len(data)
    assert len(header.sha256) == 64


def test_a_stream_is_read_as_bytes_are_and_left_at_its_start():
    data = made.jpeg()
    stream = io.BytesIO(data)
    stream.seek(100)
    assert inspect(stream, TRAINING_IMAGE) == inspect(data, TRAINING_IMAGE)
    assert stream.read() == data


@pytest.mark.parametrize(
    "data,name",
    [
        (made.gif(), "GIF"),
        (made.webp(), "WEBP"),
        (made.tiff(), "TIFF"),
        (made.bmp(), "BMP"),
        (made.svg(), "SVG"),
        (made.html(), "HTML"),
        (made.html_before_png(), "HTML"),
        (made.pdf(), "PDF"),
        (made.heic(), "HEIC"),
        (made.avif(), "AVIF"),
        (made.archive(), "ZIP"),
        (b"", "unknown"),
        (bytes(1000), "unknown"),
        (b"\x89PN", "unknown"),
    ],
)
def test_content_decides_what_a_file_is(data, name):
    assert content_type(data) == name
    assert verdict(data) == ("INVALID_IMAGE_FORMAT", name, "JPEG, PNG")


def test_each_kind_of_upload_has_its_own_formats():
    assert verdict(made.jpeg(), SIGNATURE_IMAGE) == ("INVALID_IMAGE_FORMAT", "JPEG", "PNG")
    assert inspect(made.png(100, 40), SIGNATURE_IMAGE).width == 100
    assert inspect(made.jpeg(100, 100), PROFILE_IMAGE).format == "JPEG"


@pytest.mark.parametrize("limits", [TRAINING_IMAGE, SIGNATURE_IMAGE, PROFILE_IMAGE])
def test_one_byte_too_many_is_too_heavy(limits):
    accepted = made.heavy(limits.max_bytes)
    assert inspect(accepted, limits).size == limits.max_bytes
    found = verdict(accepted + b"\0", limits)
    assert found == ("IMAGE_SIZE_EXCEEDED", limits.max_bytes + 1, limits.max_bytes)


def test_the_limits_are_those_of_the_documented_api():
    assert (TRAINING_IMAGE.min_side, TRAINING_IMAGE.max_bytes) == (512, 10 * MEGABYTE)
    assert SIGNATURE_IMAGE.max_bytes == 2 * MEGABYTE
    assert PROFILE_IMAGE.max_bytes == 5 * MEGABYTE
    for limits in (TRAINING_IMAGE, SIGNATURE_IMAGE, PROFILE_IMAGE):
        assert limits.max_pixels == 50_000_000


@pytest.mark.parametrize("size", [(1, 1), (511, 600), (600, 511), (100_000, 1)])
def test_a_side_below_the_least_is_too_small(size):
    found = verdict(made.png_claiming(*size))
    assert found == ("IMAGE_RESOLUTION_TOO_LOW", f"{size[0]}x{size[1]}", "512x512")


def test_exactly_the_least_size_is_accepted():
    assert inspect(made.png(512, 512), TRAINING_IMAGE).height == 512


@pytest.mark.parametrize(
    "width,height",
    [(7072, 7071), (10_000, 9_000), (20_000, 20_000), (60_000, 60_000), (2_000_000, 2_000_000)],
)
def test_too_many_pixels_are_refused_from_the_header(width, height):
    found = verdict(made.png_claiming(width, height))
    assert found == ("IMAGE_TOO_LARGE_PIXELS", width * height, 50_000_000)


def test_a_small_file_of_fifty_two_megapixels_is_refused_though_it_is_sound():
    data = made.png_of_many_pixels()
    assert len(data) < 20_000
    assert verdict(data) == ("IMAGE_TOO_LARGE_PIXELS", 52_000_000, 50_000_000)


def test_exactly_fifty_megapixels_are_accepted():
    assert inspect(made.png_claiming(10_000, 5_000), TRAINING_IMAGE).width == 10_000


@pytest.mark.parametrize(
    "data",
    [
        made.png_with_bad_checksum(b"IHDR"),
        made.png()[:20],
        made.jpeg()[:60],
        b"\xff\xd8\xff" + bytes(100),
    ],
)
def test_a_header_that_cannot_be_read_is_corrupt(data):
    assert verdict(data) == ("IMAGE_CORRUPT", None, None)


@pytest.mark.parametrize("turn,upright", [(1, True), (3, True), (5, False), (6, False), (8, False)])
@pytest.mark.parametrize("turned", [made.jpeg_turned, made.png_turned])
def test_width_and_height_are_as_shown_after_turning(turned, turn, upright):
    header = inspect(turned(turn), TRAINING_IMAGE)
    assert (header.width, header.height) == ((640, 512) if upright else (512, 640))


@pytest.mark.parametrize("turn", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_turns_nothing(turn):
    assert inspect(made.jpeg_turned(turn), TRAINING_IMAGE).width == 640


def test_inspecting_decodes_no_pixels():
    assert inspect(made.half_of(made.png()), TRAINING_IMAGE).width == 640
    assert inspect(made.endless_jpeg(), TRAINING_IMAGE).width == 6400


def test_the_same_bytes_have_the_same_hash_and_others_another():
    first, again = inspect(made.png(), TRAINING_IMAGE), inspect(made.png(), TRAINING_IMAGE)
    assert first == again
    assert inspect(made.polyglot(), TRAINING_IMAGE).sha256 != first.sha256


def test_limits_can_be_made_for_other_uploads():
    webp_too = replace(TRAINING_IMAGE, formats=("JPEG", "PNG", "WEBP"))
    assert inspect(made.webp(), webp_too).format == "WEBP"


@pytest.mark.parametrize(
    "first,second,expected",
    [
        ("0000000000000000", "0000000000000000", True),
        ("0000000000000000", "000000000000000f", True),
        ("0000000000000000", "000000000000001f", False),
        ("e83a55a36cb89197", "17c5aa5c93476e68", False),
    ],
)
def test_hashes_up_to_four_bits_apart_are_near(first, second, expected):
    assert are_near(first, second) is expected
