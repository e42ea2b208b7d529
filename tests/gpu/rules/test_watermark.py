import numpy as np
import pytest
from PIL import Image

from gpu.rules.watermark import watermarked


@pytest.mark.parametrize("size", [(320, 200), (65, 700), (64, 64)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_words_are_seen_in_every_part_of_every_picture(size, level):
    plain = Image.new("RGB", size, (level,) * 3)
    marked = watermarked(plain)
    assert (marked.size, marked.mode) == (size, "RGB")
    changed = (np.asarray(marked) != np.asarray(plain)).any(axis=-1)
    assert 0.02 < changed.mean() < 0.5
    for part in np.array_split(changed, max(1, size[1] // 60)):
        assert part.any()


def test_what_is_transparent_stays_so():
    picture = Image.new("RGBA", (200, 100), (50, 90, 120, 0))
    picture.paste((50, 90, 120, 255), (0, 0, 100, 100))
    marked = watermarked(picture)
    assert marked.getchannel("A").tobytes() == picture.getchannel("A").tobytes()
    assert marked.tobytes() != picture.tobytes()
