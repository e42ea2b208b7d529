import pytest
from PIL import Image

from gpu.errors import EngineError
from gpu.evaluation.comparison import compare_with_base, draw_sheet
from gpu.rendering.renderer import Renderer
from gpu.training.pictures import prepare_artwork


@pytest.fixture(scope="module")
def prepared(tiny_base, artworks):
    return [(prepare_artwork(work.path, tiny_base), work.tags) for work in artworks]


def test_the_style_and_the_base_draw_the_tags_of_other_works(
    tiny_base, trained_style, prepared, tmp_path
):
    comparison = compare_with_base(
        Renderer(tiny_base),
        trained_style.adapter_path,
        works=prepared[:6],
        other_works=prepared[6:],
    )
    assert comparison.prompts == tuple(tags for _, tags in prepared[6:])
    assert len(comparison.plain) == len(comparison.trained) == 4
    assert all(a != b for a, b in zip(comparison.plain, comparison.trained, strict=True))
    assert comparison.edges > 0
    assert comparison.edges != comparison.edges_of_base
    sheet = draw_sheet(tmp_path / "sheet.png", "Tiny", prepared[:6], comparison)
    with Image.open(sheet) as picture:
        assert picture.width > 6 * 192


def test_a_picture_that_cannot_be_drawn_fails_the_comparison(tiny_base, trained_style, prepared):
    without_tags = [(prepared[0][0], ())]
    with pytest.raises(EngineError, match="INVALID_PROMPT"):
        compare_with_base(
            Renderer(tiny_base),
            trained_style.adapter_path,
            works=prepared,
            other_works=without_tags,
        )
