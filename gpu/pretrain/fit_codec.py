"""Fit the patch codec on scenes and pretraining styles, and measure it on held-out ones.

`python -m gpu.pretrain.fit_codec --out DIR` writes DIR/vae in diffusers layout and prints PSNR.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gpu.base_models.patch_codec import PATCH, PatchCodec
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import HELD_OUT, PRETRAINING, Style, restyle

FIT_SEED = 300_000_000
CHECK_SEED = 400_000_000
SIDE = 512


def to_tensor(image: Image.Image) -> torch.Tensor:
    """An RGB image as [1, 3, H, W] in [-1, 1]."""
    pixels = torch.from_numpy(np.asarray(image, np.float32) / 127.5 - 1)
    return pixels.permute(2, 0, 1)[None]


def fit_codec(*, images: int, channels: int, side: int = SIDE) -> PatchCodec:
    """Fit on `images` pictures: a third neutral scenes, the rest pretraining styles in turn."""
    total = torch.zeros(3 * PATCH**2, 3 * PATCH**2, dtype=torch.float64)
    count, colour = 0, torch.zeros(3, dtype=torch.float64)
    styles = tuple(PRETRAINING)
    for index in range(images):
        image = draw_scene(FIT_SEED + index, (side, side)).image
        if index % 3:
            image = restyle(image, styles[(index // 3) % len(styles)], index)
        patches = _patches(to_tensor(image)).double()
        total += patches.T @ patches
        colour += patches.reshape(-1, 3, PATCH**2).sum(dim=(0, 2))
        count += len(patches)
    mean = colour / (count * PATCH**2)
    flat = mean.repeat_interleave(PATCH**2)
    covariance = total / count - torch.outer(flat, flat)
    values, vectors = torch.linalg.eigh(covariance)
    deviations = values.flip(0)[:channels].clamp(min=1e-6).sqrt()
    basis = vectors.flip(1)[:, :channels].T.contiguous()
    # a square root keeps coarse components louder than fine ones: noise hides detail first
    latent_rms = float(deviations.mean().sqrt())
    codec = PatchCodec(latent_channels=channels, scaling_factor=1 / latent_rms)
    codec.set_components(basis.float(), mean.float()[:, None, None], deviations.sqrt().float())
    return codec.eval()


def _patches(pixels: torch.Tensor) -> torch.Tensor:
    unshuffled = torch.nn.functional.pixel_unshuffle(pixels, PATCH)
    return unshuffled.permute(0, 2, 3, 1).reshape(-1, 3 * PATCH**2)


@torch.no_grad()
def measure_psnr(codec: PatchCodec, style: Style | None, *, images: int, side: int = SIDE) -> float:
    """Mean PSNR in dB of round trips of scenes the fit has not seen, neutral or in a style."""
    ratios = []
    for index in range(images):
        image = draw_scene(CHECK_SEED + index, (side, side)).image
        if style is not None:
            image = restyle(image, style, CHECK_SEED + index)
        pixels = to_tensor(image)
        error = (codec(pixels).sample.clamp(-1, 1) - pixels).square().mean()
        ratios.append(float(10 * torch.log10(4 / error)))
    return sum(ratios) / len(ratios)


def main() -> None:
    """Fit, save and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=900)
    parser.add_argument("--channels", type=int, default=48)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    codec = fit_codec(images=arguments.images, channels=arguments.channels)
    codec.save_pretrained(arguments.out / "vae")
    psnr = {"scenes": measure_psnr(codec, None, images=12)}
    for style in (*HELD_OUT, *PRETRAINING):
        psnr[str(style)] = measure_psnr(codec, style, images=6)
    rounded = {name: round(value, 2) for name, value in psnr.items()}
    (arguments.out / "codec_psnr.json").write_text(json.dumps(rounded, indent=1) + "\n")
    print(json.dumps(rounded))  # noqa: T201 - a script's result


if __name__ == "__main__":
    main()
