"""Sharpness of pictures: the energy of lines and outlines at the finest scales.

A high-pass filter selects the finest octaves, which a blur removes. Grain has as much energy there
as lines, but no direction: the coherence of the structure tensor (Förstner and Gülch 1987, Weickert
1998) separates them, and only energy with one direction counts. A patch codec causes steps at
multiples of eight pixels, so derivatives across that grid are ignored in all pictures. The mean is
taken over the quarter of a picture's cells with most energy, because things fill only a part.
"""

from collections.abc import Sequence
from statistics import mean

import torch
from PIL import Image
from torch.nn import functional

from gpu.errors import LowQualityData
from gpu.rendering.pixels import to_tensor

_SIDE = 512  # shorter side in pixels at which pictures are compared
_HIGH_PASS = 2.0  # standard deviation in pixels of the blur that is subtracted
_WINDOW = 2.5  # standard deviation in pixels of the window of the structure tensor
_MIN_COHERENCE = 0.4  # white noise rarely has more in this window; a line is near 1
_GRID = 8
_CELL = 32
_SHARE_OF_CELLS = 0.25
_SCHARR = (3 / 16, 10 / 16, 3 / 16)
_TINY = 1e-9


def edge_energy(pictures: Sequence[Image.Image]) -> float:
    """Mean energy of fine edges of pictures of any size, for levels in [-1, 1]; at least 0."""
    return mean(_energy_of(picture) for picture in pictures)


def edges_share(pictures: Sequence[Image.Image], *, works: Sequence[Image.Image]) -> float:
    """`edge_energy` divided by that of works: 1 is equally sharp, a blur is far below.

    Raises `LowQualityData` if the works have no edges.
    """
    of_works = edge_energy(works)
    if of_works < _TINY:
        raise LowQualityData("the works have no edges")
    return edge_energy(pictures) / of_works


@torch.no_grad()
def _energy_of(picture: Image.Image) -> float:
    energy = _directed_energy(to_tensor([_to_side(picture)])[0])
    cells = functional.avg_pool2d(energy, _CELL).flatten()
    return float(cells.topk(max(1, round(_SHARE_OF_CELLS * len(cells)))).values.mean())


def _to_side(picture: Image.Image) -> Image.Image:
    scale = _SIDE / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    rgb = picture.convert("RGB")
    return rgb if size == rgb.size else rgb.resize(size, Image.Resampling.LANCZOS)


def _directed_energy(pixels: torch.Tensor) -> torch.Tensor:
    """Energy [1, H, W] of gradients with one direction in pixels [3, H, W], over all channels."""
    dx, dy = _fine_slope(pixels, axis=2), _fine_slope(pixels, axis=1)
    xx, yy, xy = (
        _blur((first * second).sum(dim=0, keepdim=True), _WINDOW)
        for first, second in ((dx, dx), (dy, dy), (dx, dy))
    )
    directed = torch.hypot(xx - yy, 2 * xy)
    return directed * (directed > _MIN_COHERENCE * (xx + yy))


def _fine_slope(pixels: torch.Tensor, *, axis: int) -> torch.Tensor:
    """High-passed Scharr derivative of [C, H, W] along an axis, 0 at the steps of the grid."""
    slope = _convolve(_convolve(pixels, (-0.5, 0.0, 0.5), axis), _SCHARR, 3 - axis)
    indices = torch.arange(slope.shape[axis])
    left, right = indices[indices % _GRID == _GRID - 1], indices[indices % _GRID == 0][1:]
    left = left[left < len(indices) - 2]
    # interpolate over the step, because the high-pass filter would spread it to its neighbours
    first, second = slope.index_select(axis, left - 1), slope.index_select(axis, left + 2)
    slope = slope.index_copy(axis, left, (2 * first + second) / 3)
    slope = slope.index_copy(axis, left + 1, (first + 2 * second) / 3)
    fine = slope - _blur(slope, _HIGH_PASS)
    return fine.index_fill(axis, torch.cat([left, right]), 0.0)


def _blur(planes: torch.Tensor, deviation: float) -> torch.Tensor:
    """Gaussian blur of [C, H, W]."""
    radius = round(3 * deviation)
    weights = torch.exp(-(torch.arange(-radius, radius + 1) ** 2) / (2 * deviation**2))
    kernel = tuple((weights / weights.sum()).tolist())
    return _convolve(_convolve(planes, kernel, 1), kernel, 2)


def _convolve(planes: torch.Tensor, kernel: Sequence[float], axis: int) -> torch.Tensor:
    """Convolve [C, H, W] along an axis; borders are replicated."""
    radius = len(kernel) // 2
    padding = (radius, radius, 0, 0) if axis == 2 else (0, 0, radius, radius)  # noqa: PLR2004
    padded = functional.pad(planes[:, None], padding, mode="replicate")
    shape = (1, 1, 1, -1) if axis == 2 else (1, 1, -1, 1)  # noqa: PLR2004
    return functional.conv2d(padded, planes.new_tensor(kernel).view(shape))[:, 0]
