"""Teach the codec's refiner to take sampling noise off latents, on scenes and pretraining styles.

`python -m gpu.pretrain.fit_refiner --run DIR --steps 6000` reads DIR/inner and DIR/vae, once the
codec is fitted, and writes DIR/vae_refined. It never sees a held-out style.
"""

import argparse
from pathlib import Path

import torch

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.fit_codec import to_tensor
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import PRETRAINING, restyle

REFINER_SEED = 500_000_000
WIDTH = 96
LOUDEST_NOISE = 1.0
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
    inner: PatchCodec,
    outer: PatchCodec,
    *,
    steps: int,
    images: int,
    side: int = 256,
    seed: int = 7,
) -> PatchCodec:
    """The outer codec with a refiner, trained for some steps on latents of the inner one."""
    torch.manual_seed(seed)
    refined = PatchCodec(
        latent_channels=outer.config.latent_channels,
        scaling_factor=outer.config.scaling_factor,
        patch=outer.config.patch,
        refiner_width=WIDTH,
    )
    refined.load_state_dict(outer.state_dict(), strict=False)
    assert refined.refiner is not None  # noqa: S101 - made two lines above
    latents = draw_latents(inner, images=images, side=side)
    seen = inner.decoder.weight.detach().square().sum(dim=(1, 2, 3))
    weights = (0.5 + 0.5 * seen / seen.mean())[:, None, None]
    optimizer = torch.optim.AdamW(refined.refiner.parameters(), lr=2e-3, weight_decay=0.0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps) + 2e-5
        clean = latents[torch.randint(len(latents), (BATCH,))]
        # a share of clean rows teaches it to leave good latents alone
        loudness = torch.rand(BATCH, 1, 1, 1) * LOUDEST_NOISE * (torch.rand(BATCH, 1, 1, 1) > 0.2)
        noisy = clean + loudness * torch.randn_like(clean)
        with torch.autocast("cpu", torch.bfloat16):
            correction = refined.refiner(noisy).float()
        loss = ((noisy + correction - clean).square() * weights).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return refined.eval()


def main() -> None:
    """Read the command line, train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    inner = PatchCodec.from_pretrained(arguments.run / "inner").float().eval()
    outer = PatchCodec.from_pretrained(arguments.run / "vae").float().eval()
    refined = fit_refiner(inner, outer, steps=arguments.steps, images=arguments.images)
    refined.save_pretrained(arguments.run / "vae_refined")


if __name__ == "__main__":
    main()
