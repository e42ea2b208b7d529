"""Teach the codec's refiner to finish pictures: `python -m gpu.pretrain.fit_refiner --run DIR`.

It reads DIR/vae and DIR/model and writes DIR/vae_refined. The refiner sees what the codec makes of
clean latents, of noisy ones, and of those that the network itself guesses through noise, and learns
the true picture: it takes off the grain and the halo that sampling leaves, and gives back edges
that the linear codec blurs. It never sees a held-out style.
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
from gpu.pretrain.sample import load_networks
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import PRETRAINING, Style, restyle

REFINER_SEED = 500_000_000
WIDTHS = (32, 48, 64, 96)
SIDE, CROP = 512, 256
BATCH = 8
CLEAN_SHARE, NOISY_SHARE = 0.1, 0.2  # of the rows; the rest are guesses of the network
LOUDEST_NOISE = 0.7  # standard deviation, in scaled latents
EARLIEST, LATEST = 60, 350  # diffusion times whose guesses it has to finish
PLAIN_SHARE = 0.5  # of the pictures; the rest are in pretraining styles
_EDGES = 0.5  # weight of errors in differences between neighbouring pixels
_LEARNING_RATE = 2.5e-3


@dataclass(frozen=True)
class Example:
    """Pictures uint8 [N, 3, H, W], and latents [N, C, h, w] to make them of."""

    pictures: torch.Tensor
    latents: torch.Tensor


@torch.no_grad()
def draw_examples(
    codec: PatchCodec, networks: Networks | None, *, first: int, count: int, side: int = SIDE
) -> Example:
    """Draw `count` pictures and spoil their latents; without networks, by noise alone."""
    random = np.random.default_rng([first, 31_337])
    pictures, tags = [], []
    for index in range(first, first + count):
        scene = draw_scene(REFINER_SEED + index, (side, side))
        image = scene.image
        if random.random() >= PLAIN_SHARE:
            image = restyle(image, _any_style(random), index)
        pictures.append(to_tensor(image))
        tags.append(caption(scene.tags, random))
    clean = torch.cat([codec.encode(each).latents for each in pictures])
    scaled = clean * codec.config.scaling_factor
    kinds = random.random(count)
    source = torch.Generator().manual_seed(first)
    noise = torch.randn(scaled.shape, generator=source)
    loudness = torch.rand((count, 1, 1, 1), generator=source) * LOUDEST_NOISE
    spoiled = scaled + loudness * noise
    if networks is not None:
        guessed = _guess(networks, scaled, noise, tags, source)
        is_guess = torch.from_numpy(kinds >= CLEAN_SHARE + NOISY_SHARE)[:, None, None, None]
        spoiled = torch.where(is_guess, guessed, spoiled)
    is_clean = torch.from_numpy(kinds < CLEAN_SHARE)[:, None, None, None]
    latents = torch.where(is_clean, scaled, spoiled) / codec.config.scaling_factor
    kept = ((torch.cat(pictures) + 1) * 127.5).round().byte()
    return Example(kept, latents)


def _any_style(random: np.random.Generator) -> Style:
    return tuple(PRETRAINING)[random.integers(len(PRETRAINING))]


def _guess(
    networks: Networks,
    scaled: torch.Tensor,
    noise: torch.Tensor,
    captions: list[str],
    source: torch.Generator,
) -> torch.Tensor:
    """What the network takes noisy latents for, in one step or, every other row, in two."""
    alphas = DDPMScheduler(**NOISE).alphas_cumprod
    text = networks.text_encoder(tokenize(make_tokenizer(), captions))[0]
    times = torch.randint(EARLIEST, LATEST, (len(scaled),), generator=source)

    def see(guess: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        share = alphas[at][:, None, None, None]
        noisy = share.sqrt() * guess + (1 - share).sqrt() * noise
        with torch.autocast("cpu", torch.bfloat16):
            answer = networks.unet(noisy, at, encoder_hidden_states=text).sample
        return torch.as_tensor(answer).float()

    once = see(scaled, times)
    # the noise that the first guess leaves belongs to the true latents, not to the guess
    share = alphas[times][:, None, None, None]
    noisy = share.sqrt() * scaled + (1 - share).sqrt() * noise
    left = (noisy - share.sqrt() * once) / (1 - share).sqrt()
    earlier = (times // 3).clamp(min=5)
    kept = alphas[earlier][:, None, None, None]
    with torch.autocast("cpu", torch.bfloat16):
        twice = networks.unet(
            kept.sqrt() * once + (1 - kept).sqrt() * left, earlier, encoder_hidden_states=text
        ).sample
    every_other = (torch.arange(len(scaled)) % 2 == 0)[:, None, None, None]
    return torch.where(every_other, once, twice.float())


def with_refiner(codec: PatchCodec, widths: tuple[int, ...] = WIDTHS) -> PatchCodec:
    """The same codec with a fresh refiner, which changes nothing yet."""
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
    """A square of each picture, [N, 3, side, side] in [-1, 1], along patches, and its latents."""
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


def refining_loss(answer: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    """Absolute error of pixels and of the steps between neighbours: squares would blur edges."""
    error = answer - picture
    steps = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.abs().mean() + _EDGES * steps


def fit_refiner(
    codec: PatchCodec,
    examples: Iterator[Example],
    *,
    seconds: float | None = None,
    steps: int | None = None,
    crop: int = CROP,
    seed: int = 7,
) -> Iterator[tuple[int, float]]:
    """Train the codec's refiner for some seconds or steps; yields (step, loss) as it goes."""
    assert codec.refiner is not None  # noqa: S101 - `with_refiner` makes one
    codec.refiner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    source = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(codec.refiner.parameters(), lr=1.0, weight_decay=1e-4)
    began, progress = time.monotonic(), 0.0
    for step, example in enumerate(examples, start=1):
        pictures, latents = crops(example, codec.config.patch, crop, source)
        with torch.no_grad():
            plain = codec.decoder(latents)
        for group in optimizer.param_groups:
            warm = min(1.0, step / 50)
            group["lr"] = warm * _LEARNING_RATE * (0.02 + 0.98 * (1 - progress) ** 1.5)
        with torch.autocast("cpu", torch.bfloat16):
            answer = codec.refiner(plain, latents * codec.config.scaling_factor)
        loss = refining_loss(answer.float(), pictures)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.refiner.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield step, float(loss.detach())
        progress = step / steps if steps else (time.monotonic() - began) / (seconds or 1.0)
        if progress >= 1:
            return


def endless_examples(
    codec: PatchCodec, networks: Networks | None, *, pictures: int, seed: int, side: int = SIDE
) -> Iterator[Example]:
    """Batches of crops' pictures: new ones are drawn until there are `pictures`, then by chance."""
    kept: list[Example] = []
    random = np.random.default_rng(seed)
    while True:
        if len(kept) * BATCH < pictures:
            first_one = len(kept) * BATCH
            kept.append(draw_examples(codec, networks, first=first_one, count=BATCH, side=side))
            yield kept[-1]
        # rows of two batches are mixed, so that no two steps see the same rows together
        first, second = (kept[int(random.integers(len(kept)))] for _ in range(2))
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
    parser.add_argument("--go-on", action="store_true", help="from DIR/vae_refined")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    out = arguments.run / "vae_refined"
    codec = with_refiner(
        PatchCodec.from_pretrained(out if arguments.go_on else arguments.run / "vae").float().eval()
    )
    networks = load_networks(arguments.run / "model")
    examples = endless_examples(codec, networks, pictures=arguments.pictures, seed=7)
    losses: list[float] = []
    for step, loss in fit_refiner(codec, examples, seconds=60 * arguments.minutes):
        losses.append(loss)
        if step % 25 == 0:
            print(f"step {step} loss {np.mean(losses[-25:]):.4f}", flush=True)  # noqa: T201
        if step % 200 == 0:
            codec.save_pretrained(out)
    codec.save_pretrained(out)


if __name__ == "__main__":
    main()
