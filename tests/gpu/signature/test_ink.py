import numpy as np
import pytest
from PIL import Image, ImageDraw

from gpu.signature.ink import MAX_SIDE, BlankSignature, prepare_ink


def on_paper(drawing, *, paper="white", noise=0, shade=0):
    page = Image.new("RGBA", drawing.size, paper)
    page.alpha_composite(drawing)
    levels = np.asarray(page.convert("RGB")).astype(float)
    levels -= np.linspace(0, shade, drawing.width)[None, :, None]
    levels += np.random.default_rng(3).normal(0, noise, levels.shape)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def assert_same_drawing(ink, expected):
    """Same box within two pixels and nearly the same strokes."""
    assert abs(ink.width - expected.width) <= 4
    assert abs(ink.height - expected.height) <= 4
    strokes = np.asarray(ink.getchannel("A").resize(expected.size)) > 127
    expected_strokes = np.asarray(expected.getchannel("A")) > 127
    assert (strokes & expected_strokes).sum() / (strokes | expected_strokes).sum() > 0.8


def test_a_transparent_drawing_is_cropped_to_its_strokes(autograph):
    drawing = autograph()
    ink = prepare_ink(drawing)
    left, top, right, bottom = drawing.getchannel("A").getbbox()
    assert ink.size == (right - left, bottom - top)
    assert ink.mode == "RGBA"
    assert ink.getchannel("A").getextrema() == (0, 255)


def test_the_tint_is_that_of_the_pen_and_uniform(autograph):
    ink = prepare_ink(autograph(colour=(10, 90, 40)))
    assert ink.getchannel("R").getextrema() == (10, 10)
    assert ink.getchannel("G").getextrema() == (90, 90)
    assert ink.getchannel("B").getextrema() == (40, 40)


@pytest.mark.parametrize(
    "paper,noise,shade",
    [("white", 0, 0), ("#f4ead2", 3, 0), ("white", 3, 70), ("#dddddd", 4, 30)],
)
def test_a_scan_gives_the_same_strokes_as_the_drawing(autograph, paper, noise, shade):
    drawing = autograph()
    scanned = prepare_ink(on_paper(drawing, paper=paper, noise=noise, shade=shade))
    assert_same_drawing(scanned, prepare_ink(drawing))


def test_light_ink_on_a_dark_background_is_ink(autograph):
    drawing = autograph(colour=(240, 240, 230))
    scanned = prepare_ink(on_paper(drawing, paper="black"))
    assert_same_drawing(scanned, prepare_ink(drawing))
    assert min(scanned.getpixel((0, 0))[:3]) > 200


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "LA", "1"])
def test_images_of_any_mode_are_accepted(autograph, mode):
    page = on_paper(autograph()).convert(mode)
    assert_same_drawing(prepare_ink(page), prepare_ink(autograph()))


def test_the_interior_of_a_logo_is_ink():
    logo = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(logo).ellipse((5, 5, 294, 294), fill=(180, 20, 20, 255))
    ink = prepare_ink(logo)
    assert ink.size == (290, 290)
    assert ink.getpixel((145, 145)) == (180, 20, 20, 255)


def test_a_scan_with_a_transparent_rim_is_treated_as_paper(autograph):
    page = on_paper(autograph()).convert("RGBA")
    page.paste((0, 0, 0, 0), (0, 0, page.width, 20))
    assert_same_drawing(prepare_ink(page), prepare_ink(autograph()))


def test_half_transparent_strokes_become_opaque(autograph):
    drawing = autograph()
    faint = drawing.getchannel("A").point(lambda level: level // 2)
    drawing.putalpha(faint)
    assert prepare_ink(drawing).getchannel("A").getextrema()[1] == 255


def test_dust_does_not_enlarge_the_box(autograph):
    drawing = autograph()
    clean = prepare_ink(drawing)
    drawing.putpixel((3, 3), (0, 0, 0, 255))
    drawing.putpixel((drawing.width - 3, drawing.height - 3), (0, 0, 0, 255))
    assert prepare_ink(drawing).size == clean.size


def test_preparing_prepared_ink_changes_nothing(autograph):
    first = prepare_ink(autograph())
    second = prepare_ink(first)
    assert second.size == first.size
    assert second.tobytes() == first.tobytes()


def test_a_huge_scan_is_reduced(autograph):
    huge = autograph().resize((5000, 1500))
    assert max(prepare_ink(huge).size) <= MAX_SIDE


@pytest.mark.parametrize(
    "blank",
    [
        Image.new("RGBA", (300, 100), (0, 0, 0, 0)),
        Image.new("RGBA", (300, 100), (255, 255, 255, 255)),
        Image.new("RGB", (300, 100), "white"),
        Image.new("RGB", (300, 100), "black"),
        Image.new("L", (300, 100), 250),
        Image.new("RGB", (1, 1), "black"),
        Image.new("RGBA", (1, 1), "black"),
    ],
)
def test_an_empty_picture_is_no_signature(blank):
    with pytest.raises(BlankSignature):
        prepare_ink(blank)


def test_paper_grain_alone_is_no_signature():
    with pytest.raises(BlankSignature):
        prepare_ink(on_paper(Image.new("RGBA", (400, 200), (0, 0, 0, 0)), noise=5, paper="#f4ead2"))


def test_two_specks_are_no_signature():
    drawing = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
    drawing.putpixel((50, 50), (0, 0, 0, 255))
    drawing.putpixel((200, 70), (0, 0, 0, 255))
    with pytest.raises(BlankSignature):
        prepare_ink(drawing)
