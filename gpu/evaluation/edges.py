"""How sharp pictures are where things are: the energy of lines and outlines at the finest scales.

A blur loses the finest octaves, so a high pass keeps only those. Grain has as much there as a line
has, but no direction: the structure tensor (Förstner and Gülch 1987, its coherence as in Weickert
1998) tells them apart, and only what runs in one direction counts. A codec of patches leaves steps
on multiples of eight pixels; what lies across that grid is counted in no picture. Of each picture
the quarter of its cells with most energy is taken: where things are.
"""

from collections.abc import Sequence
from statistics import mean

import torch
from PIL import Image
from torch.nn import functional

from gpu.errors import LowQualityData
from gpu.rendering.pixels import to_tensor

_SIDE = 512  # shorter side in pixels at which pictures are compared
_HIGH_PASS = 2.0  # deviation in pixels of the blur that is taken away
_WINDOW = 2.5  # deviation in pixels of the window in which a direction is looked for
_LEAST_COHERENCE = 0.4  # in this window white noise seldom has more; a line is near 1
_GRID = 8
_CELL = 32
_SHARE_OF_CELLS = 0.25
_SCHARR = (3 / 16, 10 / 16, 3 / 16)
_TINY = 1e-9


def edge_energy(pictures: Sequence[Image.Image]) -> float:
    """Mean energy of fine edges of pictures of any size, for levels in [-1, 1]; 0 or more."""
    return mean(_energy_of(picture) for picture in pictures)


def edges_share(pictures: Sequence[Image.Image], *, works: Sequence[Image.Image]) -> float:
    """`edge_energy` as a share of the works': 1 is as sharp as they are, a blur is far below.

    Raises `LowQualityData` when the works have no edges.
    """
    of_works = edge_energy(works)
    if of_works < _TINY:
        raise LowQualityData("the works have no edges to compare with")
    return edge_energy(pictures) / of_works


@torch.no_grad()
def _energy_of(picture: Image.Image) -> float:
    energy = _directed_energy(to_tensor([_to_side(picture)])[0])
    cells = functional.avg_pool2d(energy, _CELL).flatten()
    return float(cells.topk(max(1, round(_SHARE_OF_CELLS * len(cells)))).values.mean())


def _to_side(picture: Image.Image) -> Image.Image:
    scale = _SIDE / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    plain = picture.convert("RGB")
    return plain if size == plain.size else plain.resize(size, Image.Resampling.LANCZOS)


def _directed_energy(pixels: torch.Tensor) -> torch.Tensor:
    """Of [3, H, W]: energy [1, H, W] of what has one direction, all channels together."""
    across, down = _fine_slope(pixels, axis=2), _fine_slope(pixels, axis=1)
    xx, yy, xy = (
        _blur((one * other).sum(dim=0, keepdim=True), _WINDOW)
        for one, other in ((across, across), (down, down), (across, down))
    )
    directed = torch.hypot(xx - yy, 2 * xy)
    return directed * (directed > _LEAST_COHERENCE * (xx + yy))


def _fine_slope(pixels: torch.Tensor, *, axis: int) -> torch.Tensor:
    """Scharr's derivative of [C, H, W] along an axis at the finest scales, 0 across the grid."""
    slope = _convolve(_convolve(pixels, (-0.5, 0.0, 0.5), axis), _SCHARR, 3 - axis)
    places = torch.arange(slope.shape[axis])
    before, behind = places[places % _GRID == _GRID - 1], places[places % _GRID == 0][1:]
    before = before[before < len(places) - 2]
    # bridge the step: otherwise the high pass would spread it over its neighbours
    one, other = slope.index_select(axis, before - 1), slope.index_select(axis, before + 2)
    slope = slope.index_copy(axis, before, (2 * one + other) / 3)
    slope = slope.index_copy(axis, before + 1, (one + 2 * other) / 3)
    fine = slope - _blur(slope, _HIGH_PASS)
    return fine.index_fill(axis, torch.cat([before, behind]), 0.0)


def _blur(planes: torch.Tensor, deviation: float) -> torch.Tensor:
    """Gaussian blur of [C, H, W]."""
    reach = round(3 * deviation)
    weights = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
    kernel = tuple((weights / weights.sum()).tolist())
    return _convolve(_convolve(planes, kernel, 1), kernel, 2)


def _convolve(planes: torch.Tensor, kernel: Sequence[float], axis: int) -> torch.Tensor:
    """[C, H, W] along an axis, its borders repeated."""
    reach = len(kernel) // 2
    padding = (reach, reach, 0, 0) if axis == 2 else (0, 0, reach, reach)  # noqa: PLR2004
    padded = functional.pad(planes[:, None], padding, mode="replicate")
    shape = (1, 1, 1, -1) if axis == 2 else (1, 1, -1, 1)  # noqa: PLR2004
    return functional.conv2d(padded, planes.new_tensor(kernel).view(shape))[:, 0]
