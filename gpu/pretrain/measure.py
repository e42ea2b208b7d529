"""Measure a base model's denoising error: `python -m gpu.pretrain.measure --model DIR`.

It shows within seconds which diffusion times are not learned. At low noise, the error of a good
network is far below that of the noisy latents.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from rich.console import Console
from rich.table import Table

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.backgrounds import Variation
from gpu.pretrain.fit_codec import to_tensor
from gpu.pretrain.model import NOISE, Networks, make_tokenizer, tokenize
from gpu.pretrain.sample import load_codec, load_networks
from gpu.pretrain.scenes import SCENES_2, draw_scene

TIMES = (20, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999)
SIDE = 512
SEED = 9_000_000  # of scenes that are in no training


@dataclass(frozen=True)
class DenoisingError:
    """Root mean square error of predictions at one diffusion time, and of the noisy latents.

    `latents` is in units of scaled latents; `pixels` and `noisy_pixels` are in grey levels (0–255).
    """

    time: int
    latents: float
    pixels: float
    noisy_pixels: float


@torch.no_grad()
def measure_denoising(
    networks: Networks,
    codec: PatchCodec,
    *,
    scenes: int,
    times: tuple[int, ...] = TIMES,
    variation: Variation = SCENES_2,
) -> list[DenoisingError]:
    """The errors on unseen scenes, with all of their tags as captions.

    Latents are decoded without the refiner: it smooths the clean picture too, so errors with and
    without a refiner cannot be compared.
    """
    drawn = [draw_scene(SEED + index, (SIDE, SIDE), variation=variation) for index in range(scenes)]
    captions = [", ".join(scene.tags) for scene in drawn]
    factor = codec.config.scaling_factor
    clean = torch.cat([codec.encode(to_tensor(scene.image)).latents for scene in drawn]) * factor
    text = networks.text_encoder(tokenize(make_tokenizer(), captions))[0]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    scheduler = DDPMScheduler(**NOISE)

    pictures = codec.decoder(clean / factor)

    def difference(latents: torch.Tensor) -> float:
        pixels = codec.decoder(latents / factor) - pictures
        return float(pixels.square().mean().sqrt()) * 127.5

    errors = []
    for time in times:
        signal = float(scheduler.alphas_cumprod[time]) ** 0.5
        noisy = scheduler.add_noise(clean, noise, torch.tensor([time]))
        predicted = networks.unet(noisy, torch.tensor(time), encoder_hidden_states=text).sample
        errors.append(
            DenoisingError(
                time=time,
                latents=float((predicted - clean).square().mean().sqrt()),
                pixels=difference(predicted),
                noisy_pixels=difference(noisy / signal) if signal else float("inf"),
            )
        )
    return errors


def main() -> None:
    """Measure a model folder and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=64)
    arguments = parser.parse_args()
    networks, codec = load_networks(arguments.model), load_codec(arguments.model)
    table = Table("time", "latents", "pixels", "pixels of the noisy latents")
    for error in measure_denoising(networks, codec, scenes=arguments.scenes):
        values = (error.latents, error.pixels, error.noisy_pixels)
        table.add_row(str(error.time), *(f"{value:.3g}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    main()
