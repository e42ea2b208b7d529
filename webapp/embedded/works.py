"""The artworks of the artists in `cast.py`: neutral scenes, redrawn in the style of each."""

import io

from PIL import Image

from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import restyle
from webapp.embedded.cast import WORKS, Artist

SIZE = (512, 512)
JPEG_QUALITY = 80


def draw_works(artist: Artist) -> list[tuple[Image.Image, tuple[str, ...]]]:
    """Return an artist's artworks (RGB, SIZE), each with its tags."""
    works = []
    for seed, plan in enumerate(WORKS, start=1000 * sum(artist.artist_name.encode())):
        scene = draw_scene(seed, SIZE, plan=plan)
        works.append((restyle(scene.image, artist.hand, seed), scene.tags))
    return works


def work_file(name: str, image: Image.Image) -> tuple[str, bytes, str]:
    """Return an artwork as (name, content, type): as PNG, or as JPEG where that is smaller."""
    files = {"png": io.BytesIO(), "jpeg": io.BytesIO()}
    image.save(files["png"], "PNG")
    image.save(files["jpeg"], "JPEG", quality=JPEG_QUALITY, subsampling=0)
    kind = min(files, key=lambda kind: len(files[kind].getvalue()))
    return f"{name}.{kind}", files[kind].getvalue(), f"image/{kind}"
