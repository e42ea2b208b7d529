"""Train the codec's refiner on decoded pictures: `python -m gpu.pretrain.fit_refiner --run DIR`.

It reads DIR/vae and DIR/model and writes DIR/vae_refined. The input of the refiner is what the
linear codec decodes from three kinds of latents: clean ones, ones that the network denoised in one
step, and ones that it sampled for a caption. The target is the true picture; for a sample it is
the scene of the caption drawn without random variation. So the refiner removes grain and halos and
sharpens edges that the codec or the network blurs. Held-out styles are not in its data.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.captions import caption
from gpu.pretrain.fit_codec import to_tensor
from gpu.pretrain.model import NOISE, Networks, make_tokenizer, tokenize
from gpu.pretrain.sample import draw_latents, load_networks
from gpu.pretrain.scenes import NO_VARIATION, SCENES_3, draw_scene
from gpu.pretrain.styles import PRETRAINING, Style, restyle

REFINER_SEED = 500_000_000
WIDTHS = (64, 96, 128, 192)
SIDE, CROP = 512, 256
BATCH = 8
CLEAN_SHARE, DENOISED_SHARE = 0.15, 0.15  # of the rows; the others are sampled by the network
MIN_TIME, MAX_TIME = 200, 650  # diffusion times of the denoised rows
NEUTRAL_SHARE = 0.3  # of the pictures that are not sampled; the others have a pretraining style
_EDGE_WEIGHT = 0.5  # weight of errors in differences between neighbouring pixels
LEARNING_RATE = 1.5e-3


@dataclass(frozen=True)
class Example:
    """Pictures uint8 [N, 3, H, W], and their scaled latents [N, C, h, w], true or predicted."""

    pictures: torch.Tensor
    latents: torch.Tensor


@torch.no_grad()
def draw_examples(
    codec: PatchCodec, networks: Networks | None, *, first: int, count: int, side: int = SIDE
) -> Example:
    """Draw `count` pictures and their latents; without networks, all latents are true ones."""
    random = np.random.default_rng([first, 31_337])
    source = torch.Generator().manual_seed(first)
    kinds = random.random(count) if networks is not None else np.zeros(count)
    is_drawn = torch.from_numpy(kinds >= CLEAN_SHARE + DENOISED_SHARE)
    is_denoised = torch.from_numpy(kinds >= CLEAN_SHARE) & ~is_drawn
    pictures, tags = [], []
    for index, drawn in enumerate(is_drawn, start=first):
        scene = draw_scene(
            REFINER_SEED + index, (side, side), variation=NO_VARIATION if drawn else SCENES_3
        )
        image = scene.image
        if not drawn and random.random() >= NEUTRAL_SHARE:
            image = restyle(image, _any_style(random), index)
        pictures.append(to_tensor(image))
        tags.append(", ".join(scene.tags) if drawn else caption(scene.tags, random))
    latents = torch.cat([codec.encode(each).latents for each in pictures])
    latents = latents * codec.config.scaling_factor
    for rows, make in ((is_denoised, _denoise), (is_drawn, _draw)):
        if networks is not None and rows.any():
            captions = [each for each, row in zip(tags, rows, strict=True) if row]
            latents[rows] = make(networks, latents[rows], captions, source)
    return Example(((torch.cat(pictures) + 1) * 127.5).round().byte(), latents)


def _any_style(random: np.random.Generator) -> Style:
    return tuple(PRETRAINING)[random.integers(len(PRETRAINING))]


def _denoise(
    networks: Networks, clean: torch.Tensor, captions: list[str], source: torch.Generator
) -> torch.Tensor:
    """The network's prediction of clean latents from noisy ones, in one step."""
    times = torch.randint(MIN_TIME, MAX_TIME, (len(clean),), generator=source)
    shares = DDPMScheduler(**NOISE).alphas_cumprod[times][:, None, None, None]
    noise = torch.randn(clean.shape, generator=source)
    text = networks.text_encoder(tokenize(make_tokenizer(), captions))[0]
    noisy = shares.sqrt() * clean + (1 - shares).sqrt() * noise
    return torch.as_tensor(networks.unet(noisy, times, encoder_hidden_states=text).sample)


def _draw(
    networks: Networks, clean: torch.Tensor, captions: list[str], source: torch.Generator
) -> torch.Tensor:
    """Latents sampled for captions in 6 to 12 steps, with a random guidance scale up to 2.5."""
    steps, guidance = torch.rand(2, generator=source).tolist()
    height, width = clean.shape[-2:]
    return draw_latents(
        networks,
        captions,
        (height, width),
        source,
        steps=6 + int(7 * steps),
        guidance_scale=max(1.0, 0.5 + 2 * guidance),
    )


def with_refiner(codec: PatchCodec, widths: tuple[int, ...] = WIDTHS) -> PatchCodec:
    """A copy of the codec with a refiner: the codec's own, or a new one that is the identity."""
    refined = PatchCodec(
        latent_channels=codec.config.latent_channels,
        scaling_factor=codec.config.scaling_factor,
        patch=codec.config.patch,
        refiner_widths=widths,
    )
    refined.encoder.load_state_dict(codec.encoder.state_dict())
    refined.decoder.load_state_dict(codec.decoder.state_dict())
    if codec.refiner is not None:
        refined.refiner.load_state_dict(codec.refiner.state_dict())
    return refined


def crops(
    example: Example, patch: int, side: int, source: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random crops of pictures, [N, 3, side, side] in [-1, 1], on patch borders; their latents."""
    cells = side // patch
    pictures, latents = [], []
    for picture, latent in zip(example.pictures, example.latents, strict=True):
        top, left = (
            int(torch.randint(0, latent.shape[axis] - cells + 1, (1,), generator=source))
            for axis in (1, 2)
        )
        rows, columns = slice(top, top + cells), slice(left, left + cells)
        latents.append(latent[:, rows, columns])
        pixel_rows = slice(top * patch, (top + cells) * patch)
        pixel_columns = slice(left * patch, (left + cells) * patch)
        pictures.append(picture[:, pixel_rows, pixel_columns])
    return torch.stack(pictures).float() / 127.5 - 1, torch.stack(latents)


def recolour(
    pictures: torch.Tensor, plain: torch.Tensor, source: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change the colours of every second picture [N, 3, H, W] and of its decoded version alike.

    Channels are permuted, inverted, moved towards grey and reduced in contrast, so that the refiner
    learns edges independently of the palette.
    """
    both = torch.stack([pictures, plain], dim=1)
    for index in range(1, len(both), 2):
        signs = torch.randint(0, 2, (3, 1), generator=source) * 2.0 - 1
        order = torch.randperm(3, generator=source)
        grey, contrast = torch.rand(2, generator=source).tolist()
        matrix = (1 - grey) * torch.eye(3)[order] * signs + grey / 3 * signs
        matrix = matrix * (0.4 + 0.6 * contrast)
        headroom = 1 - matrix.abs().sum(dim=1)
        shift = ((torch.rand(3, generator=source) * 2 - 1) * headroom)[:, None, None]
        both[index] = torch.einsum("oc,pchw->pohw", matrix, both[index]) + shift
    return both[:, 0], both[:, 1]


def refining_loss(output: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    """L1 error of pixels and of differences between neighbours; a squared error blurs edges."""
    error = output - picture
    steps = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.abs().mean() + _EDGE_WEIGHT * steps


def fit_refiner(
    codec: PatchCodec,
    examples: Iterator[Example],
    *,
    seconds: float | None = None,
    steps: int | None = None,
    crop: int = CROP,
    seed: int = 7,
    autocast: bool = False,
    learning_rate: float = LEARNING_RATE,
) -> Iterator[tuple[int, float]]:
    """Train the codec's refiner for some seconds or steps; yields (step, loss) after each step.

    `learning_rate` is that of its first steps; it decreases to a fiftieth.
    """
    assert codec.refiner is not None  # noqa: S101 - `with_refiner` makes one
    codec.refiner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    source = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(codec.refiner.parameters(), lr=1.0, weight_decay=1e-4)
    started_at, progress = time.monotonic(), 0.0
    for step, example in enumerate(examples, start=1):
        pictures, latents = crops(example, codec.config.patch, crop, source)
        with torch.no_grad():
            plain = codec.decoder(latents / codec.config.scaling_factor)
            pictures, plain = recolour(pictures, plain, source)
        for group in optimizer.param_groups:
            warmup = min(1.0, step / 50)
            group["lr"] = warmup * learning_rate * (0.02 + 0.98 * (1 - progress) ** 1.5)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            output = codec.refiner(plain.contiguous(memory_format=torch.channels_last))
        loss = refining_loss(output.float(), pictures)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.refiner.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield step, float(loss.detach())
        progress = step / steps if steps else (time.monotonic() - started_at) / (seconds or 1.0)
        if progress >= 1:
            return


def endless_examples(
    codec: PatchCodec, networks: Networks | None, *, pictures: int, seed: int, side: int = SIDE
) -> Iterator[Example]:
    """Batches of examples without end; from `pictures` examples on, only drawn ones are mixed."""
    examples: list[Example] = []
    random = np.random.default_rng(seed)
    while True:
        if len(examples) * BATCH < pictures:
            first_one = len(examples) * BATCH
            examples.append(draw_examples(codec, networks, first=first_one, count=BATCH, side=side))
            yield examples[-1]
        # mix the rows of two batches, so that batches do not repeat
        first, second = (examples[int(random.integers(len(examples)))] for _ in range(2))
        rows = torch.from_numpy(random.permutation(2 * BATCH)[:BATCH])
        yield Example(
            torch.cat([first.pictures, second.pictures])[rows],
            torch.cat([first.latents, second.latents])[rows],
        )


def main() -> None:
    """Read the command line, train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--resume", action="store_true", help="from DIR/vae_refined")
    parser.add_argument(
        "--precision", choices=("bf16", "fp32"), default="fp32",
        help="bf16 is faster on a CPU with instructions for it",
    )  # fmt: skip
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    out = arguments.run / "vae_refined"
    codec = with_refiner(
        PatchCodec.from_pretrained(out if arguments.resume else arguments.run / "vae")
        .float()
        .eval()
    )
    networks = load_networks(arguments.run / "model")
    examples = endless_examples(codec, networks, pictures=arguments.pictures, seed=7)
    losses: list[float] = []
    autocast = arguments.precision == "bf16"
    for step, loss in fit_refiner(
        codec,
        examples,
        seconds=60 * arguments.minutes,
        autocast=autocast,
        learning_rate=arguments.learning_rate,
    ):
        losses.append(loss)
        if step % 25 == 0:
            print(f"step {step} loss {np.mean(losses[-25:]):.4f}", flush=True)  # noqa: T201
        if step % 200 == 0:
            codec.save_pretrained(out)
    codec.save_pretrained(out)


if __name__ == "__main__":
    main()
