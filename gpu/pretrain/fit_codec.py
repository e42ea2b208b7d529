"""Fit the patch codec on scenes and pretraining styles, and measure it on held-out ones.

`python -m gpu.pretrain.fit_codec --out DIR` writes DIR/vae and DIR/codec_psnr.json. The codec is
fitted at full resolution, because lines and dots of a few pixels make up a style.
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
_BATCH = 16  # pictures for each matrix product


def to_tensor(image: Image.Image) -> torch.Tensor:
    """An RGB image as [1, 3, H, W] in [-1, 1]."""
    pixels = torch.from_numpy(np.asarray(image, np.float32) / 127.5 - 1)
    return pixels.permute(2, 0, 1)[None]


def fit_codec(*, images: int, channels: int, side: int = SIDE, patch: int = PATCH) -> PatchCodec:
    """Fit a linear codec by PCA of the patches of `images` pictures of `side` pixels.

    A third of them are neutral scenes; the others are redrawn in the pretraining styles in turn.
    """
    values = 3 * patch**2
    total, colour, count = torch.zeros(values, values), torch.zeros(3, dtype=torch.float64), 0
    for start in range(0, images, _BATCH):
        pictures = [_picture(index, side) for index in range(start, min(start + _BATCH, images))]
        patches = torch.cat([_patches(picture, patch) for picture in pictures])
        total.addmm_(patches.T, patches)
        colour += patches.double().reshape(-1, 3, patch**2).sum(dim=(0, 2))
        count += len(patches)
    mean = colour / (count * patch**2)
    flat = mean.repeat_interleave(patch**2)
    covariance = (total / count).double() - torch.outer(flat, flat)
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    deviations = eigenvalues.flip(0)[:channels].clamp(min=1e-6).sqrt()
    basis = vectors.flip(1)[:, :channels].T.contiguous()
    # dividing by the square root of the deviation leaves coarse components larger than fine ones,
    # so noise hides fine detail first
    latent_rms = float(deviations.mean().sqrt())
    codec = PatchCodec(latent_channels=channels, scaling_factor=1 / latent_rms, patch=patch)
    codec.set_components(basis.float(), mean.float()[:, None, None], deviations.sqrt().float())
    return codec.eval()


def _picture(index: int, side: int) -> torch.Tensor:
    """Picture `index` of the fit: every third one is a neutral scene, the others have a style."""
    image = draw_scene(FIT_SEED + index, (side, side)).image
    if index % 3:
        styles = tuple(PRETRAINING)
        image = restyle(image, styles[(index // 3) % len(styles)], index)
    return to_tensor(image)


def _patches(pixels: torch.Tensor, patch: int) -> torch.Tensor:
    unshuffled = torch.nn.functional.pixel_unshuffle(pixels, patch)
    return unshuffled.permute(0, 2, 3, 1).reshape(-1, 3 * patch**2)


@torch.no_grad()
def measure_psnr(codec: PatchCodec, style: Style | None, *, images: int, side: int = SIDE) -> float:
    """Mean PSNR in dB of round trips of scenes that were not in the fit, neutral or in a style.

    Measured without the refiner, which is trained for latents drawn by the network.
    """
    ratios = []
    for index in range(images):
        image = draw_scene(CHECK_SEED + index, (side, side)).image
        if style is not None:
            image = restyle(image, style, CHECK_SEED + index)
        pixels = to_tensor(image)
        decoded = codec.decoder(codec.encode(pixels).latents).clamp(-1, 1)
        error = (decoded - pixels).square().mean()
        ratios.append(float(10 * torch.log10(4 / error)))
    return sum(ratios) / len(ratios)


def main() -> None:
    """Fit, save and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=900)
    parser.add_argument("--channels", type=int, default=192)
    arguments = parser.parse_args()
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
