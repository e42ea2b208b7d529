import pytest

from gpu.layouts.grids import grid_of
from gpu.layouts.page import INNER, MARGIN


@pytest.mark.parametrize(
    "count, aspect, columns",
    [
        (2, 4 / 3, 2),
        (2, 16 / 9, 2),
        (2, 0.6, 2),
        (2, 3.0, 1),
        (3, 4 / 3, 3),
        (4, 4 / 3, 2),
        (4, 3 / 4, 4),
        (6, 1.0, 3),
        (9, 1.0, 3),
    ],
)
def test_the_number_of_columns_depends_on_the_aspect_ratio(count, aspect, columns):
    assert grid_of(count, aspect, caption=100, top=0).columns == columns


@pytest.mark.parametrize("count", range(2, 10))
@pytest.mark.parametrize("aspect", [0.1, 0.75, 1.5, 9.0])
def test_pictures_are_inside_the_sheet_and_do_not_overlap(count, aspect):
    grid = grid_of(count, aspect, caption=100, top=50)
    corners = set()
    for index in range(count):
        left, top, width, height = grid.box(index)
        assert left >= MARGIN
        assert left + width <= MARGIN + INNER
        assert top >= 50
        assert top + height + 100 <= grid.bottom
        corners.add((left, top))
    assert len(corners) == count
