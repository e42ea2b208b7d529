"""Teach the codec's refiner to take sampling noise off latents, on scenes and pretraining styles.

`python -m gpu.pretrain.fit_refiner --codec DIR/vae --minutes 4 --out DIR/vae_refined`, after the
codec is fitted. It never sees a held-out style.
"""

import argparse
import time
from pathlib import Path

import torch

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.fit_codec import to_tensor
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import PRETRAINING, restyle

REFINER_SEED = 500_000_000
WIDTH = 96
LOUDEST_NOISE = 0.35
BATCH = 24


@torch.no_grad()
def draw_latents(codec: PatchCodec, *, images: int, side: int) -> torch.Tensor:
    """Scaled latents [N, C, h, w] of scenes, every third restyled by a pretraining style."""
    styles = tuple(PRETRAINING)
    rows = []
    for index in range(images):
        image = draw_scene(REFINER_SEED + index, (side, side)).image
        if index % 3 == 2:
            image = restyle(image, styles[(index // 3) % len(styles)], index)
        rows.append(codec.encode(to_tensor(image)).latents)
    return torch.cat(rows) * codec.config.scaling_factor


def fit_refiner(
    codec: PatchCodec, *, minutes: float, images: int, side: int = 512, seed: int = 7
) -> PatchCodec:
    """A copy of the codec with a refiner trained for some minutes on `images` pictures."""
    torch.manual_seed(seed)
    refined = PatchCodec(
        latent_channels=codec.config.latent_channels,
        scaling_factor=codec.config.scaling_factor,
        refiner_width=WIDTH,
    )
    refined.load_state_dict(codec.state_dict(), strict=False)
    assert refined.refiner is not None  # noqa: S101 - made two lines above
    latents = draw_latents(codec, images=images, side=side)
    seen = codec.decoder.weight.detach().square().sum(dim=(1, 2, 3))
    weights = (0.5 + 0.5 * seen / seen.mean())[:, None, None]
    optimizer = torch.optim.AdamW(refined.refiner.parameters(), lr=2e-3, weight_decay=0.0)
    begun = time.monotonic()
    while (done := (time.monotonic() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - done) + 2e-5
        clean = latents[torch.randint(len(latents), (BATCH,))]
        # a share of clean rows teaches it to leave good latents alone
        loudness = torch.rand(BATCH, 1, 1, 1) * LOUDEST_NOISE * (torch.rand(BATCH, 1, 1, 1) > 0.2)
        noisy = clean + loudness * torch.randn_like(clean)
        loss = ((noisy + refined.refiner(noisy) - clean).square() * weights).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return refined.eval()


def main() -> None:
    """Read the command line, train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codec", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    codec = PatchCodec.from_pretrained(arguments.codec).float().eval()
    refined = fit_refiner(codec, minutes=arguments.minutes, images=arguments.images)
    refined.save_pretrained(arguments.out)


if __name__ == "__main__":
    main()
