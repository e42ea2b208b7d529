import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gpu.signature.ink import MAX_SIDE
from tests import images as made
from webapp.domain.image_decoding import perceptual_hash, read_frame, sanitise, write_frame
from webapp.domain.images import (
    BANNER_IMAGE,
    PROFILE_IMAGE,
    SIGNATURE_IMAGE,
    TRAINING_IMAGE,
    BadImage,
    are_near,
)

RED, BLUE = (220, 30, 30), (30, 30, 220)


def pixels(data):
    image = made.decoded(data)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def assert_colour(found, expected, *, within=3):
    assert np.abs(np.subtract(found, expected)).max() <= within


def assert_red_left_blue_right(safe, *, within=3):
    picture = pixels(safe.data)
    assert_colour(picture[100, 50], RED, within=within)
    assert_colour(picture[-100, -50], BLUE, within=within)


def test_what_is_told_of_the_new_file_is_true_of_it():
    safe = sanitise(made.jpeg(), TRAINING_IMAGE)
    image = made.decoded(safe.data)
    assert (image.format, image.width, image.height) == (safe.format, safe.width, safe.height)
    assert safe.sha256 == hashlib.sha256(safe.data).hexdigest()
    assert safe.perceptual_hash == perceptual_hash(made.decoded(made.jpeg()))


@pytest.mark.parametrize(
    "size, kept", [((900, 1600), (288, 512)), ((100, 40), (100, 40)), ((3000, 2), (512, 1))]
)
def test_a_picture_that_is_kept_small_keeps_its_shape_and_never_grows(size, kept):
    safe = sanitise(made.encoded(Image.new("RGB", size)), PROFILE_IMAGE)
    assert (safe.width, safe.height) == made.decoded(safe.data).size == kept


@pytest.mark.parametrize("file", [made.jpeg(3200, 800), made.png(3200, 800)], ids=["jpeg", "png"])
def test_a_banner_is_a_webp_of_limited_width(file):
    safe = sanitise(file, BANNER_IMAGE)
    assert (safe.format, safe.width, safe.height) == ("WEBP", 1600, 400)
    picture = made.decoded(safe.data)
    assert (picture.format, picture.size) == ("WEBP", (1600, 400))


def test_a_signature_is_kept_at_the_size_at_which_it_is_drawn_at_most():
    drawn = Image.new("RGBA", (3000, 1500))
    ImageDraw.Draw(drawn).line((200, 1200, 2800, 200), fill="black", width=90)
    safe = sanitise(made.encoded(drawn), SIGNATURE_IMAGE, keep_alpha=True)
    assert (safe.width, safe.height) == (MAX_SIDE, MAX_SIDE // 2)
    smaller = made.encoded(drawn.resize((MAX_SIDE, MAX_SIDE // 2)))
    assert sanitise(smaller, SIGNATURE_IMAGE, keep_alpha=True).width == MAX_SIDE


def test_a_photograph_of_a_profile_is_decoded_at_a_fraction_and_looks_the_same():
    large = made.encoded(made.scene(3000, 2000), "JPEG", quality=90)
    kept = pixels(sanitise(large, PROFILE_IMAGE).data)
    whole = made.decoded(large).resize((512, 341), Image.Resampling.LANCZOS)
    assert np.abs(kept - np.asarray(whole).astype(int)).mean() < 2


def test_a_png_keeps_its_very_pixels():
    safe = sanitise(made.png(), TRAINING_IMAGE)
    assert safe.format == "PNG"
    assert made.decoded(safe.data).tobytes() == made.scene().tobytes()


def test_a_jpeg_stays_a_jpeg_with_full_colour_resolution():
    safe = sanitise(made.jpeg(quality=95, subsampling=0), TRAINING_IMAGE)
    image = made.decoded(safe.data)
    assert image.format == "JPEG"
    assert {component[1:3] for component in image.layer} == {(1, 1)}
    before = pixels(made.jpeg(quality=95, subsampling=0))
    assert np.abs(pixels(safe.data) - before).mean() < 2


@pytest.mark.parametrize(
    "data",
    [
        made.half_of(made.png()),
        made.half_of(made.jpeg()),
        made.png()[:-20],
        made.png_with_bad_checksum(),
        made.png_with_damaged_pixels(),
        made.png_without_pixels(),
        made.png_claiming(600, 600),
    ],
)
def test_a_file_that_does_not_decode_to_its_end_is_corrupt(data):
    with pytest.raises(BadImage, match="IMAGE_CORRUPT"):
        sanitise(data, TRAINING_IMAGE)


@pytest.mark.parametrize(
    "data,code",
    [
        (made.gif(), "INVALID_IMAGE_FORMAT"),
        (made.png(100, 100), "IMAGE_RESOLUTION_TOO_LOW"),
        (made.png_claiming(20_000, 20_000), "IMAGE_TOO_LARGE_PIXELS"),
        (made.heavy(TRAINING_IMAGE.max_bytes + 1), "IMAGE_SIZE_EXCEEDED"),
    ],
)
def test_headers_are_judged_before_decoding(data, code):
    with pytest.raises(BadImage) as caught:
        sanitise(data, TRAINING_IMAGE)
    assert caught.value.code == code


def test_what_hangs_behind_a_polyglot_is_gone():
    safe = sanitise(made.polyglot(), TRAINING_IMAGE)
    assert b"evil.html" not in safe.data
    assert safe == sanitise(made.png(), TRAINING_IMAGE)


def test_no_metadata_is_kept():
    for data in (made.jpeg_with_secrets(), made.png_with(b"tEXt", b"Comment\0secret word")):
        assert b"secret" in data
        safe = sanitise(data, TRAINING_IMAGE)
        assert b"secret" not in safe.data
        assert not made.decoded(safe.data).getexif()


@pytest.mark.parametrize(
    "turn,left_top,right_bottom,size",
    [
        (1, RED, BLUE, (640, 512)),
        (2, BLUE, RED, (640, 512)),
        (3, BLUE, RED, (640, 512)),
        (4, RED, BLUE, (640, 512)),
        (5, RED, BLUE, (512, 640)),
        (6, RED, BLUE, (512, 640)),
        (7, BLUE, RED, (512, 640)),
        (8, BLUE, RED, (512, 640)),
    ],
)
@pytest.mark.parametrize("turned", [made.jpeg_turned, made.png_turned])
def test_pictures_are_stored_upright(turned, turn, left_top, right_bottom, size):
    safe = sanitise(turned(turn), TRAINING_IMAGE)
    assert (safe.width, safe.height) == size
    picture = pixels(safe.data)
    assert_colour(picture[20, 20], left_top)
    assert_colour(picture[-20, -20], right_bottom)


def test_cmyk_becomes_rgb_and_not_its_negative():
    assert_red_left_blue_right(sanitise(made.cmyk_jpeg(), TRAINING_IMAGE), within=6)


def test_sixteen_bits_are_scaled_and_not_clipped():
    row = pixels(sanitise(made.sixteen_bit_png(), TRAINING_IMAGE).data)[0, :, 0]
    assert np.abs(row - np.linspace(0, 255, 640)).max() <= 0.51


def test_grey_becomes_rgb():
    grey = pixels(sanitise(made.grey_jpeg(), TRAINING_IMAGE).data)
    assert (grey[..., 0] == grey[..., 1]).all()


def test_one_bit_pictures_become_rgb():
    image = Image.new("1", (600, 600), 1)
    image.paste(0, (0, 0, 300, 600))
    picture = pixels(sanitise(made.encoded(image), TRAINING_IMAGE).data)
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[0, -1].tolist() == [255, 255, 255]


def test_a_transparent_palette_is_laid_on_white():
    picture = pixels(sanitise(made.palette_png_with_transparency(), TRAINING_IMAGE).data)
    assert_colour(picture[100, 50], RED)
    assert_colour(picture[100, -50], (255, 255, 255), within=0)


@pytest.mark.parametrize("level,expected", [(0, 255), (128, 142), (255, 30)])
def test_alpha_is_laid_on_white(level, expected):
    picture = pixels(sanitise(made.png_with_alpha(level), PROFILE_IMAGE).data)
    assert abs(picture[100, 50, 1] - expected) <= 1


@pytest.mark.parametrize("clear", [(65535, 300), (300, 30_000)])
def test_transparency_of_sixteen_bit_grey_is_laid_on_white(clear):
    transparent, seen = clear
    levels = np.full((512, 512), seen, np.uint16)
    levels[:, :256] = transparent
    payload = transparent.to_bytes(2, "big")
    plain = made.encoded(Image.fromarray(levels))
    data = plain[:33] + made.chunk(b"tRNS", payload) + plain[33:]
    picture = pixels(sanitise(data, TRAINING_IMAGE).data)
    assert picture[0, 0, 0] == 255
    assert picture[0, -1, 0] == (seen + 128) // 257


def white_ink(width=640, height=512):
    """A white ring on a clear sheet."""
    image = Image.new("RGBA", (width, height), (255, 255, 255, 0))
    ImageDraw.Draw(image).ellipse((100, 100, 400, 400), outline="white", width=24)
    return image


def test_white_ink_on_a_clear_sheet_is_laid_on_slate():
    picture = pixels(sanitise(made.encoded(white_ink()), TRAINING_IMAGE).data)
    assert picture[0, 0].tolist() == [48, 48, 48]
    assert picture[105, 250].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (600, 600), "white"),
        Image.new("RGB", (600, 600), (17, 90, 200)),
        Image.new("RGBA", (600, 600), (0, 0, 0, 0)),
        Image.new("L", (600, 600), 9),
    ],
)
def test_a_work_on_which_nothing_is_to_be_seen_is_blank(image):
    with pytest.raises(BadImage, match="IMAGE_BLANK"):
        sanitise(made.encoded(image), TRAINING_IMAGE)
    assert sanitise(made.encoded(image), PROFILE_IMAGE).width == 512


@pytest.mark.parametrize("size", [(8800, 512), (512, 8800)])
def test_a_work_longer_than_windows_can_show_is_refused(size):
    with pytest.raises(BadImage) as caught:
        sanitise(made.encoded(made.scene(*size)), TRAINING_IMAGE)
    assert (caught.value.code, caught.value.limit) == ("IMAGE_TOO_LONG", "16:1")
    assert sanitise(made.encoded(made.scene(8192, 512)), TRAINING_IMAGE).width == 8192


def test_equal_pixels_have_one_hash_in_every_format_and_others_another():
    image = made.scene()
    plain = sanitise(made.encoded(image), TRAINING_IMAGE).pixel_sha256
    assert sanitise(made.encoded(image, compress_level=1), TRAINING_IMAGE).pixel_sha256 == plain
    assert sanitise(made.encoded(image.convert("RGBA")), TRAINING_IMAGE).pixel_sha256 == plain
    image.putpixel((0, 0), (1, 2, 3))
    assert sanitise(made.encoded(image), TRAINING_IMAGE).pixel_sha256 != plain


def test_a_signature_may_keep_its_transparency():
    safe = sanitise(made.png_with_alpha(100), SIGNATURE_IMAGE, keep_alpha=True)
    image = made.decoded(safe.data)
    assert image.mode == "RGBA"
    assert image.getpixel((50, 100)) == (*RED, 100)


def test_an_opaque_signature_has_no_alpha_to_keep():
    safe = sanitise(made.png_with_alpha(255), SIGNATURE_IMAGE, keep_alpha=True)
    assert made.decoded(safe.data).mode == "RGB"


@pytest.mark.parametrize("animated", [made.animated_png, made.multi_picture_jpeg])
def test_only_the_first_frame_is_taken(animated):
    safe = sanitise(animated(), TRAINING_IMAGE)
    assert_red_left_blue_right(safe)
    assert getattr(made.decoded(safe.data), "n_frames", 1) == 1


def test_a_colour_profile_is_applied_and_dropped():
    safe = sanitise(made.png_with_profile(made.swapped_profile()), TRAINING_IMAGE)
    picture = pixels(safe.data)
    assert_colour(picture[100, 50], BLUE, within=6)
    assert_colour(picture[100, -50], RED, within=6)
    assert "icc_profile" not in made.decoded(safe.data).info


def test_a_sound_profile_for_other_colours_is_passed_over():
    safe = sanitise(made.grey_profile_mismatch(), TRAINING_IMAGE)
    assert made.decoded(safe.data).tobytes() == made.scene().convert("L").convert("RGB").tobytes()


def test_webp_becomes_png_where_it_is_allowed():
    limits = replace(TRAINING_IMAGE, formats=("WEBP",))
    assert sanitise(made.webp(), limits).format == "PNG"


def test_cleaning_a_clean_file_changes_nothing():
    once = sanitise(made.png_with_alpha(), TRAINING_IMAGE)
    assert sanitise(once.data, TRAINING_IMAGE) == once


def test_copies_of_a_picture_are_near_and_other_pictures_are_not():
    picture = made.scene(800, 640, seed=1)
    original = sanitise(made.encoded(picture), TRAINING_IMAGE).perceptual_hash
    copies = [
        made.encoded(picture, "JPEG", quality=60),
        made.encoded(picture.resize((1200, 960)), "JPEG"),
    ]
    for copy in copies:
        assert are_near(original, sanitise(copy, TRAINING_IMAGE).perceptual_hash)
    for seed in range(2, 8):
        other = made.encoded(made.scene(800, 640, seed=seed))
        assert not are_near(original, sanitise(other, TRAINING_IMAGE).perceptual_hash)


def test_frames_come_out_as_they_went_in():
    stream = io.BytesIO()
    for payload in (b"", b"one", bytes(1000)):
        write_frame(stream, payload)
    stream.seek(0)
    assert [read_frame(stream, longest=1000) for _ in range(3)] == [b"", b"one", bytes(1000)]
    with pytest.raises(EOFError):
        read_frame(stream, longest=1000)


def test_a_frame_longer_than_allowed_is_not_read():
    stream = io.BytesIO((2**40).to_bytes(8, "big"))
    with pytest.raises(ValueError, match="longer"):
        read_frame(stream, longest=1000)


def test_half_a_frame_is_no_frame():
    with pytest.raises(EOFError):
        read_frame(io.BytesIO((10).to_bytes(8, "big") + b"half"), longest=1000)
