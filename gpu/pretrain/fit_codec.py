"""Fit the patch codec on scenes and pretraining styles, and measure it on held-out ones.

`python -m gpu.pretrain.fit_codec --out DIR` writes DIR/inner, the codec at half scale (16 pixels a
patch) that pretraining reads its small frames through, and DIR/vae, the shipped one: the same
latents from pictures of twice the size (32 pixels a patch), decoded by least squares.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import HELD_OUT, PRETRAINING, Style, restyle

FIT_SEED = 300_000_000
CHECK_SEED = 400_000_000
SIDE = 512
PATCH = 16


def to_tensor(image: Image.Image) -> torch.Tensor:
    """An RGB image as [1, 3, H, W] in [-1, 1]."""
    pixels = torch.from_numpy(np.asarray(image, np.float32) / 127.5 - 1)
    return pixels.permute(2, 0, 1)[None]


def fit_codec(*, images: int, channels: int, side: int = SIDE) -> PatchCodec:
    """Fit on `images` pictures: a third neutral scenes, the rest pretraining styles in turn."""
    total = torch.zeros(3 * PATCH**2, 3 * PATCH**2, dtype=torch.float64)
    count, colour = 0, torch.zeros(3, dtype=torch.float64)
    for index in range(images):
        patches = _patches(_picture(index, side), PATCH).double()
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
    codec = PatchCodec(latent_channels=channels, scaling_factor=1 / latent_rms, patch=PATCH)
    codec.set_components(basis.float(), mean.float()[:, None, None], deviations.sqrt().float())
    return codec.eval()


@torch.no_grad()
def widen(inner: PatchCodec, *, images: int, side: int = SIDE) -> PatchCodec:
    """A codec of patches twice as wide with the inner one's latents.

    It encodes as if the picture were halved first, and decodes by the least-squares map from those
    latents to full-size patches, which is sharper than enlarging the inner codec's picture.
    """
    patch, channels = 2 * inner.config.patch, inner.config.latent_channels
    outer = PatchCodec(
        latent_channels=channels, scaling_factor=inner.config.scaling_factor, patch=patch
    )
    spread = inner.encoder.weight.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) / 4
    outer.encoder.weight.copy_(spread)
    outer.encoder.bias = inner.encoder.bias
    moments = torch.zeros(channels + 1, channels + 1, dtype=torch.float64)
    crossed = torch.zeros(channels + 1, 3 * patch**2, dtype=torch.float64)
    for index in range(images):
        pixels = _picture(index, side)
        latents = outer.encode(pixels).latents.permute(0, 2, 3, 1).reshape(-1, channels)
        inputs = torch.cat([latents, torch.ones(len(latents), 1)], dim=1).double()
        moments += inputs.T @ inputs
        crossed += inputs.T @ _patches(pixels, patch).double()
    solution = torch.linalg.solve(moments + 1e-4 * torch.eye(channels + 1), crossed).float()
    outer.decoder.weight.copy_(solution[:-1].reshape(channels, 3, patch, patch))
    outer.decoder.bias = torch.nn.Parameter(solution[-1].reshape(3, -1).mean(dim=1))
    return outer.eval()


@torch.no_grad()
def narrow(outer: PatchCodec) -> PatchCodec:
    """The inner codec of a shipped one: what `widen` was given, up to the precision of the file."""
    patch, channels = outer.config.patch // 2, outer.config.latent_channels
    inner = PatchCodec(
        latent_channels=channels, scaling_factor=outer.config.scaling_factor, patch=patch
    )
    kernels = outer.encoder.weight[:, :, ::2, ::2] * 4
    # rows were orthonormal before their division by a scale, so a row's length is its inverse
    scales = 1 / kernels.flatten(1).norm(dim=1)
    inner.encoder.weight.copy_(kernels)
    inner.encoder.bias = outer.encoder.bias
    inner.decoder.weight.copy_(kernels * scales[:, None, None, None].square())
    inner.decoder.bias = outer.decoder.bias
    return inner.eval()


def _picture(index: int, side: int) -> torch.Tensor:
    """A third of the pictures are neutral scenes, the rest pretraining styles in turn."""
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
    inner = fit_codec(images=arguments.images, channels=arguments.channels)
    inner.save_pretrained(arguments.out / "inner")
    codec = widen(inner, images=arguments.images // 4)
    codec.save_pretrained(arguments.out / "vae")
    psnr = {"scenes": measure_psnr(codec, None, images=12)}
    for style in (*HELD_OUT, *PRETRAINING):
        psnr[str(style)] = measure_psnr(codec, style, images=6)
    rounded = {name: round(value, 2) for name, value in psnr.items()}
    (arguments.out / "codec_psnr.json").write_text(json.dumps(rounded, indent=1) + "\n")
    print(json.dumps(rounded))  # noqa: T201 - a script's result


if __name__ == "__main__":
    main()
