"""Draw a sheet of samples from the networks in training, to be looked at by a person."""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, UniPCMultistepScheduler
from PIL import Image
from transformers import CLIPTextModel

from gpu.base_models.patch_codec import PatchCodec
from gpu.base_models.shortcut_unet import ShortcutUNet
from gpu.pretrain.model import NOISE, Networks, make_tokenizer, tokenize

PROMPTS = (
    "house, meadow, day, red", "tree, hills, sunset, green", "boat, sea, day, white",
    "cat, snow, night, black", "bird, forest, day, blue", "fish, sea, day, orange",
    "flower, meadow, day, purple", "mountain, snow, day", "moon, desert, night",
    "sun, beach, day", "star, city, night", "cloud, sea, day",
    "woman, room, red", "man, city, day, green", "portrait, plain, purple",
    "car, city, night, yellow", "balloon, hills, sunset, red", "mushroom, forest, day, red",
    "butterfly, plain, blue", "castle, desert, sunset", "cat, room, orange, left",
    "house, snow, night, two, blue", "tree, meadow, day, small, pink", "boat, sea, sunset, red",
)  # fmt: skip
_THUMBNAIL = 200


@torch.no_grad()
def sample(
    networks: Networks,
    codec: PatchCodec,
    prompts: list[str],
    *,
    size: tuple[int, int],
    steps: int = 20,
    guidance_scale: float = 3.0,
    seed: int = 1,
) -> list[Image.Image]:
    """Draw one RGB image of (width, height) per prompt."""
    tokenizer = make_tokenizer()
    text = networks.text_encoder(tokenize(tokenizer, [*[""] * len(prompts), *prompts]))[0]
    scheduler = UniPCMultistepScheduler.from_config(DDPMScheduler(**NOISE).config)
    scheduler.set_timesteps(steps)
    patch = codec.config.patch
    shape = (len(prompts), codec.config.latent_channels, size[1] // patch, size[0] // patch)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    latents = latents * scheduler.init_noise_sigma
    for time in scheduler.timesteps:
        with torch.autocast("cpu", torch.bfloat16):
            both = networks.unet(
                latents.repeat(2, 1, 1, 1), time, encoder_hidden_states=text
            ).sample.float()
        free, asked = both.chunk(2)
        latents = scheduler.step(free + guidance_scale * (asked - free), time, latents).prev_sample
    images = []
    for row in latents:
        pixels = codec.decode(row[None] / codec.config.scaling_factor).sample[0].clamp(-1, 1)
        array = ((pixels.permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
        images.append(Image.fromarray(np.ascontiguousarray(array)))
    return images


def draw_sheet(
    networks: Networks,
    codec: PatchCodec,
    *,
    size: tuple[int, int],
    prompts: tuple[str, ...] = PROMPTS,
    steps: int = 20,
    guidance_scale: float = 3.0,
) -> Image.Image:
    """Six samples to a row, one per prompt, as thumbnails."""
    height = _THUMBNAIL * size[1] // size[0]
    sheet = Image.new("RGB", (6 * _THUMBNAIL, -(-len(prompts) // 6) * height))
    images = sample(
        networks, codec, list(prompts), size=size, steps=steps, guidance_scale=guidance_scale
    )
    for index, image in enumerate(images):
        place = (index % 6 * _THUMBNAIL, index // 6 * height)
        sheet.paste(image.resize((_THUMBNAIL, height), Image.Resampling.LANCZOS), place)
    return sheet


def load_networks(folder: Path) -> Networks:
    """Read a model folder's networks in fp32, for sampling."""
    unet = ShortcutUNet.from_pretrained(folder, subfolder="unet").float().eval()
    text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").float().eval()
    return Networks(unet, text_encoder)


def load_codec(folder: Path) -> PatchCodec:
    """Read a model folder's codec in fp32."""
    return PatchCodec.from_pretrained(folder, subfolder="vae").float().eval()


def main() -> None:
    """Draw the sheet of a model folder: `python -m gpu.pretrain.sample --model DIR --out PNG`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(512, 512))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance-scale", type=float, default=3.0)
    arguments = parser.parse_args()
    networks, codec = load_networks(arguments.model), load_codec(arguments.model)
    draw_sheet(
        networks, codec, size=tuple(arguments.size), steps=arguments.steps,
        guidance_scale=arguments.guidance_scale,
    ).save(arguments.out)  # fmt: skip


if __name__ == "__main__":
    main()
