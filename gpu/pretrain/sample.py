"""Draw a contact sheet of samples from networks in training, for visual inspection."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPTextModel

from gpu.base_models.patch_codec import PatchCodec
from gpu.base_models.shortcut_unet import ShortcutUNet
from gpu.pretrain.model import Networks, make_tokenizer, sampling_scheduler, tokenize

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
STEPS, GUIDANCE_SCALE = 12, 2.0


@torch.no_grad()
def draw_latents(
    networks: Networks,
    prompts: Sequence[str],
    size: tuple[int, int],
    source: torch.Generator,
    *,
    steps: int,
    guidance_scale: float,
) -> torch.Tensor:
    """Sample scaled latents [B, C, h, w] of `size` (h, w) for prompts."""
    is_guided = guidance_scale > 1
    captions = [*[""] * len(prompts) * is_guided, *prompts]
    text = networks.text_encoder(tokenize(make_tokenizer(), captions))[0]
    scheduler = sampling_scheduler()
    scheduler.set_timesteps(steps)
    shape = (len(prompts), networks.unet.config.in_channels, *size)
    latents = torch.randn(shape, generator=source)
    for time in scheduler.timesteps:
        clean = networks.unet(
            latents.repeat(2 if is_guided else 1, 1, 1, 1), time, encoder_hidden_states=text
        ).sample
        if is_guided:
            unconditional, conditional = clean.chunk(2)
            clean = unconditional + guidance_scale * (conditional - unconditional)
        latents = scheduler.step(clean, time, latents, generator=source).prev_sample
    return latents


@torch.no_grad()
def sample(
    networks: Networks,
    codec: PatchCodec,
    prompts: list[str],
    *,
    size: tuple[int, int],
    steps: int = STEPS,
    guidance_scale: float = GUIDANCE_SCALE,
    seed: int = 1,
) -> list[Image.Image]:
    """Draw one RGB image of (width, height) per prompt."""
    patch = codec.config.patch
    latents = draw_latents(
        networks,
        prompts,
        (size[1] // patch, size[0] // patch),
        torch.Generator().manual_seed(seed),
        steps=steps,
        guidance_scale=guidance_scale,
    )
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
    steps: int = STEPS,
    guidance_scale: float = GUIDANCE_SCALE,
) -> Image.Image:
    """A contact sheet with one thumbnail per prompt, six in a row."""
    height = _THUMBNAIL * size[1] // size[0]
    sheet = Image.new("RGB", (6 * _THUMBNAIL, -(-len(prompts) // 6) * height))
    images = sample(
        networks, codec, list(prompts), size=size, steps=steps, guidance_scale=guidance_scale
    )
    for index, image in enumerate(images):
        corner = (index % 6 * _THUMBNAIL, index // 6 * height)
        sheet.paste(image.resize((_THUMBNAIL, height), Image.Resampling.LANCZOS), corner)
    return sheet


def load_networks(folder: Path) -> Networks:
    """Load a model folder's networks in fp32 for inference."""
    unet = ShortcutUNet.from_pretrained(folder, subfolder="unet").float().eval()
    text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").float().eval()
    return Networks(unet, text_encoder)


def load_codec(folder: Path) -> PatchCodec:
    """Load a model folder's codec in fp32."""
    return PatchCodec.from_pretrained(folder, subfolder="vae").float().eval()


def main() -> None:
    """Draw the sheet of a model folder: `python -m gpu.pretrain.sample --model DIR --out PNG`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(512, 512))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--guidance-scale", type=float, default=GUIDANCE_SCALE)
    arguments = parser.parse_args()
    networks, codec = load_networks(arguments.model), load_codec(arguments.model)
    draw_sheet(
        networks, codec, size=tuple(arguments.size), steps=arguments.steps,
        guidance_scale=arguments.guidance_scale,
    ).save(arguments.out)  # fmt: skip


if __name__ == "__main__":
    main()
