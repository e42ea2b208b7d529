"""How well a base model sees through noise: `python -m gpu.pretrain.measure --model DIR`.

Samples are judged by eye, and late; this tells in seconds which diffusion times are not learned. At
little noise a good network's error is far below that of the noisy latents themselves.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from rich.console import Console
from rich.table import Table

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.backgrounds import Chance
from gpu.pretrain.fit_codec import to_tensor
from gpu.pretrain.model import NOISE, Networks, make_tokenizer, tokenize
from gpu.pretrain.sample import load_codec, load_networks
from gpu.pretrain.scenes import SCENES_2, draw_scene

TIMES = (20, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999)
SIDE = 512
SEED = 9_000_000  # scenes that no training has seen


@dataclass(frozen=True)
class DenoisingError:
    """Root mean square error of clean latents seen at one diffusion time, and of the noisy ones.

    `latents` in scaled latents; `pixels` and `noisy_pixels` in grey levels of 0-255.
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
    chance: Chance = SCENES_2,
) -> list[DenoisingError]:
    """The errors on new scenes, with all of their tags as captions.

    Decoded by the codec's linear part: a refiner makes the clean picture softer too, so errors
    through it are smaller and cannot be compared with those of a codec without one.
    """
    drawn = [draw_scene(SEED + index, (SIDE, SIDE), chance=chance) for index in range(scenes)]
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
        seen = networks.unet(noisy, torch.tensor(time), encoder_hidden_states=text).sample
        errors.append(
            DenoisingError(
                time=time,
                latents=float((seen - clean).square().mean().sqrt()),
                pixels=difference(seen),
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
