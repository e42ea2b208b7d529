"""Contact sheets and loss curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

_MARGIN = 12
_CAPTION_HEIGHT = 20
_INK = (32, 32, 32)
_PAPER = (250, 250, 247)
_SMOOTHING = 10


def contact_sheet(
    path: Path,
    rows: Mapping[str, Sequence[Image.Image]],
    *,
    captions: Sequence[str] = (),
    tile: int = 192,
    columns: int = 6,
) -> Path:
    """Write a PNG with one titled block per entry of `rows`; pictures are not cropped.

    `captions` label the pictures of every block that has as many pictures as captions.
    """
    titled = [(title, list(pictures)) for title, pictures in rows.items()]
    heights = [
        _CAPTION_HEIGHT + -(-len(pictures) // columns) * _row_height(tile) for _, pictures in titled
    ]
    width = columns * (tile + _MARGIN) + _MARGIN
    sheet = Image.new("RGB", (width, sum(heights) + _MARGIN * (len(titled) + 1)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _MARGIN
    for (title, pictures), height in zip(titled, heights, strict=True):
        draw.text((_MARGIN, top), title, fill=_INK, font=ImageFont.load_default(size=15))
        labels = captions if len(captions) == len(pictures) else ()
        _draw_block(sheet, pictures, labels, top + _CAPTION_HEIGHT, tile, columns)
        top += height + _MARGIN
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, format="PNG")
    return path


def _row_height(tile: int) -> int:
    return tile + _CAPTION_HEIGHT


def _draw_block(
    sheet: Image.Image,
    pictures: Sequence[Image.Image],
    labels: Sequence[str],
    top: int,
    tile: int,
    columns: int,
) -> None:
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=11)
    for index, picture in enumerate(pictures):
        left = _MARGIN + (index % columns) * (tile + _MARGIN)
        upper = top + (index // columns) * _row_height(tile)
        thumbnail = ImageOps.contain(picture.convert("RGB"), (tile, tile))
        sheet.paste(thumbnail, (left, upper))
        if labels:
            draw.text((left, upper + tile + 2), labels[index][:34], fill=_INK, font=font)


def loss_curve(
    path: Path,
    losses: Sequence[tuple[int, float]],
    held_out: Sequence[tuple[int, float]],
    *,
    title: str = "Training",
) -> Path:
    """Plot (step, loss) pairs as a PNG: each loss, a moving average, and the held-out loss."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"font.size": 10}):
        figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        steps = [step for step, _ in losses]
        values = [loss for _, loss in losses]
        axes.plot(steps, values, color="#c9c4b8", linewidth=0.8, label="loss of a step")
        axes.plot(steps, _smooth(values), color="#2f5d8a", label=f"mean of {_SMOOTHING}")
        axes.plot(
            [step for step, _ in held_out],
            [loss for _, loss in held_out],
            "o-",
            color="#b4532a",
            label="held-out works",
        )
        axes.set(title=title, xlabel="step", ylabel="loss")
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return path


def _smooth(values: Sequence[float]) -> list[float]:
    smoothed = []
    for index in range(len(values)):
        window = values[max(0, index - _SMOOTHING + 1) : index + 1]
        smoothed.append(sum(window) / len(window))
    return smoothed
