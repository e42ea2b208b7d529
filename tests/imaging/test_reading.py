import numpy as np
import pytest
from PIL import Image, ImageDraw

from imaging.reading import flatten, is_blank, read_picture
from imaging.refusal import PictureRefused
from tests import images as made

PAPER, SLATE = (255, 255, 255), (48, 48, 48)


def drawn(ink, *, sheet=(0, 0, 0, 0), size=(600, 400), more=()):
    """A ring of `ink` on a sheet, with spots of other inks."""
    image = Image.new("RGBA", size, sheet)
    pen = ImageDraw.Draw(image)
    pen.ellipse((100, 50, 400, 350), outline=ink, width=20)
    for at, spot in enumerate(more):
        pen.rectangle((10 + 30 * at, 10, 30 + 30 * at, 30), fill=spot)
    return image


@pytest.mark.parametrize(
    "image,ground",
    [
        (drawn("black"), PAPER),
        (drawn("white"), SLATE),
        (drawn((250, 248, 240)), SLATE),
        (drawn((255, 255, 0)), PAPER),
        (drawn((180, 180, 180)), PAPER),
        (drawn("white", more=["black"]), SLATE),
        (drawn("black", more=["white"]), PAPER),
        (drawn((255, 255, 255, 128)), SLATE),
        # White paper with transparent corners needs no dark background.
        (drawn("black", sheet=(255, 255, 255, 255), more=[(0, 0, 0, 0)]), PAPER),
        (Image.new("RGBA", (600, 400), (0, 0, 0, 0)), PAPER),
    ],
)
def test_the_background_contrasts_with_the_drawing(image, ground):
    flat = flatten(image)
    assert flat.mode == "RGB"
    clear = np.asarray(image.getchannel("A")) == 0
    assert (np.asarray(flat)[clear] == ground).all()


def test_an_opaque_picture_does_not_change():
    image = made.scene()
    assert flatten(image) is image


def test_a_drawing_that_is_invisible_on_white_is_not_blank():
    white = drawn("white")
    on_white = Image.new("RGB", white.size, "white")
    on_white.paste(white, mask=white.getchannel("A"))
    assert is_blank(on_white)
    assert not is_blank(flatten(white))


def noise(deviation, *, grain=1, side=1024):
    levels = np.random.default_rng(0).normal(128, deviation, (side // grain,) * 2)
    grey = Image.fromarray(levels.clip(0, 255).astype(np.uint8)).resize((side, side), Image.NEAREST)
    return grey.convert("RGB")


def test_invisible_grain_is_blank_at_every_size():
    assert is_blank(noise(3))
    assert is_blank(noise(3).resize((4096, 4096), Image.NEAREST).resize((256, 256), Image.BOX))
    assert not is_blank(noise(3, grain=32))
    assert not is_blank(noise(40))


def test_a_picture_blank_in_one_channel_only_is_not_blank():
    image = Image.new("RGB", (600, 600), (200, 100, 50))
    image.paste((200, 100, 90), (0, 0, 300, 600))
    assert not is_blank(image)


@pytest.mark.parametrize("deviation", [2.2, 2.5, 4])
@pytest.mark.parametrize("reduce_to", [256, 512, 1024])
def test_a_picture_that_passes_the_check_is_not_blank_in_training(deviation, reduce_to):
    image = noise(deviation, grain=32, side=2048)
    assert not is_blank(read_picture(made.encoded(image)))
    stored = made.encoded(image, "JPEG", quality=95, subsampling=0)
    assert not is_blank(read_picture(stored, reduce_to=reduce_to), below=1.0)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded():
    with pytest.raises(PictureRefused, match="pixels") as caught:
        read_picture(made.png_of_many_pixels(8000, 6500))
    assert caught.value.code == "IMAGE_TOO_LARGE_PIXELS"


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", made.gif(), made.svg()]
)
def test_other_data_are_corrupt(data):
    with pytest.raises(PictureRefused) as caught:
        read_picture(data)
    assert caught.value.code == "IMAGE_CORRUPT"


def test_a_jpeg_is_read_no_larger_than_needed():
    data = made.encoded(made.scene(2000, 1200), "JPEG")
    small = read_picture(data, reduce_to=256)
    assert 256 <= min(small.size) < 600
    assert read_picture(data).size == (2000, 1200)
