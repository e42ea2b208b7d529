"""What `classic` can and cannot do, as two pictures: `python -m tests.bench.classic_pictures`.

Each row is a drawn scene: the photo, its true parts, and the parts that `classic` suggests.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gpu.rules.colour import Mask
from gpu.segmenting.classic import Classic
from gpu.segmenting.interface import Concept
from gpu.segmenting.scenes.drawing import Scene
from gpu.segmenting.scenes.products import draw_product
from gpu.segmenting.scenes.rooms import draw_room

FOLDER = Path("docs/images")
ROOM, PRODUCT = (816, 612), (816, 816)  # what `classic` reads
WIDTH, GAP, LINE = 300, 8, 26
INK, PAPER = (40, 40, 40), (255, 255, 255)
STRENGTH = 0.65
COLUMNS = ("Photo", "True parts", "Suggested by classic")
TINTS = {
    "Wall": (80, 140, 230), "Floor": (230, 140, 40), "Ceiling": (150, 90, 200),
    "Window": (40, 180, 190), "Door": (120, 90, 50), "Frame_Molding": (230, 40, 90),
    "Body": (80, 140, 230), "Label_Text": (230, 40, 90), "Logo": (40, 180, 90),
    "Parts": (230, 140, 40),
}  # fmt: skip
ROOM_PARTS = ("Wall", "Floor", "Ceiling", "Window", "Door", "Frame_Molding")
PRODUCT_PARTS = ("Body", "Label_Text", "Logo", "Parts")


@dataclass(frozen=True)
class Example:
    """A drawn scene and the concepts that are searched in it."""

    scene: Scene
    parts: tuple[str, ...]


def found(example: Example) -> dict[str, Mask]:
    """The masks that `classic` suggests, whatever their confidence."""
    concepts = [Concept(name, name) for name in example.parts]
    masks: dict[str, Mask] = {}
    for instance in Classic().segment(example.scene.image, concepts):
        mask = instance.mask.decode()
        masks[instance.concept] = masks.get(instance.concept, mask & False) | mask
    return masks


def tinted(image: Image.Image, masks: dict[str, Mask]) -> Image.Image:
    """A photo in grey, each mask in the colour of its concept."""
    levels = np.repeat(np.asarray(image.convert("L"))[..., None], 3, axis=2).astype(np.float32)
    for name, mask in masks.items():
        levels[mask] = (1 - STRENGTH) * levels[mask] + STRENGTH * np.array(TINTS[name])
    return Image.fromarray(levels.astype(np.uint8))


def row(example: Example) -> Image.Image:
    """One scene: three pictures, and the names of its parts below."""
    scene = example.scene
    truth = {name: scene.mask(name) for name in example.parts}
    pictures = [scene.image, tinted(scene.image, truth), tinted(scene.image, found(example))]
    height = round(WIDTH * scene.image.height / scene.image.width)
    sheet = Image.new("RGB", (3 * WIDTH + 2 * GAP, height + LINE), PAPER)
    for column, picture in enumerate(pictures):
        small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        sheet.paste(small, (column * (WIDTH + GAP), 0))
    draw, left = ImageDraw.Draw(sheet), 0
    for name in example.parts:
        draw.rectangle((left, height + 7, left + 12, height + 19), fill=TINTS[name])
        draw.text((left + 18, height + 4), name, INK, font=_font())
        left += 34 + round(draw.textlength(name, font=_font()))
    return sheet


def sheet_of(examples: Sequence[Example]) -> Image.Image:
    """All scenes below each other, the columns named at the top."""
    rows = [row(each) for each in examples]
    height = LINE + sum(each.height + GAP for each in rows)
    sheet = Image.new("RGB", (rows[0].width, height), PAPER)
    for column, name in enumerate(COLUMNS):
        ImageDraw.Draw(sheet).text((column * (WIDTH + GAP), 4), name, INK, font=_font())
    top = LINE
    for each in rows:
        sheet.paste(each, (0, top))
        top += each.height + GAP
    return sheet


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(14)


def _room(seed: int) -> Example:
    return Example(draw_room(seed, ROOM, is_tiled=False), ROOM_PARTS)


def _product(seed: int) -> Example:
    return Example(draw_product(seed, PRODUCT), PRODUCT_PARTS)


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, examples in (
        ("classic_can", [_room(502), _product(502)]),
        ("classic_cannot", [_room(503), _product(505)]),
    ):
        file = out / f"{name}.jpg"
        sheet_of(examples).save(file, quality=72, optimize=True)


if __name__ == "__main__":
    main()
