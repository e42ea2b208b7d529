import pytest
from hypothesis import given, strategies as st

from gpu.signature.placement import WIDTH_PERCENT, Box, Position, Size, placement

sides = st.integers(1, 5000)
sizes = st.tuples(sides, sides)


@given(image=sizes, ink=sizes, position=st.sampled_from(Position), size=st.sampled_from(Size))
def test_the_box_always_lies_inside_the_image(image, ink, position, size):
    box = placement(image, ink, position, size)
    assert box.width >= 1
    assert box.height >= 1
    assert 0 <= box.left < box.right <= image[0]
    assert 0 <= box.top < box.bottom <= image[1]


@given(
    image=st.tuples(st.integers(256, 5000), st.integers(256, 5000)),
    ink=st.tuples(st.integers(50, 2000), st.integers(50, 2000)),
    position=st.sampled_from(Position),
    size=st.sampled_from(Size),
)
def test_width_height_and_margin_are_exact_within_a_pixel(image, ink, position, size):
    box = placement(image, ink, position, size)
    width = image[0] * WIDTH_PERCENT[size] / 100
    height = width * ink[1] / ink[0]
    if height > image[1] * 0.2:
        height = image[1] * 0.2
        width = height * ink[0] / ink[1]
        assert box.height <= height
    assert abs(box.height - height) < 1
    assert abs(box.width - width) <= 0.5 + ink[0] / ink[1]
    margin = max(10, min(image) * 0.02)
    assert abs(image[1] - box.bottom - margin) <= 0.5
    left, right = box.left, image[0] - box.right
    if position is Position.BOTTOM_CENTER:
        assert 0 <= right - left <= 1
    else:
        nearest = left if position is Position.BOTTOM_LEFT else right
        assert abs(nearest - margin) <= 0.5


@pytest.mark.parametrize(
    "image,position,size,expected",
    [
        ((512, 512), Position.BOTTOM_RIGHT, Size.MEDIUM, Box(374, 459, 128, 43)),
        ((512, 512), Position.BOTTOM_LEFT, Size.SMALL, Box(10, 476, 77, 26)),
        ((1024, 1024), Position.BOTTOM_CENTER, Size.LARGE, Box(333, 885, 358, 119)),
        ((512, 1024), Position.BOTTOM_RIGHT, Size.MEDIUM, Box(374, 971, 128, 43)),
        ((2000, 400), Position.BOTTOM_RIGHT, Size.LARGE, Box(1750, 310, 240, 80)),
    ],
)
def test_the_product_sizes_have_these_boxes(image, position, size, expected):
    assert placement(image, (900, 300), position, size) == expected


def test_bottom_right_and_a_quarter_of_the_width_are_the_default():
    assert placement((512, 512), (3, 1)) == placement(
        (512, 512), (3, 1), Position.BOTTOM_RIGHT, Size.MEDIUM
    )


def test_names_from_the_database_are_accepted():
    assert placement((512, 512), (3, 1), "bottom-left", "small").left == 10
    with pytest.raises(ValueError, match="top-left"):
        placement((512, 512), (3, 1), "top-left", "small")


@pytest.mark.parametrize("image,ink", [((0, 5), (1, 1)), ((5, 5), (1, 0))])
def test_an_empty_side_is_refused(image, ink):
    with pytest.raises(ValueError, match="at least one pixel"):
        placement(image, ink)
