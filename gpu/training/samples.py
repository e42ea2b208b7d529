"""Pictures drawn during training: the same prompts and seeds every time, so one sees it learn."""

from collections.abc import Sequence
from pathlib import Path

import torch

from gpu.base_models.lora import RowAdapter
from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.randomness import named_seed
from gpu.rendering.pixels import to_pictures
from gpu.rendering.sampling import SamplingBatch, sample_latents, seed_noise
from gpu.training.recipe import TrainingConfig

SAMPLE_COUNT = 3


def choose_sample_prompts(config: TrainingConfig) -> tuple[str, ...]:
    """The caller's prompts, or the tags of works spread over the set; without the trigger."""
    if config.sample_prompts:
        return config.sample_prompts[:SAMPLE_COUNT]
    tagged = [work for work in config.works if work.tags] or list(config.works)
    stride = max(1, len(tagged) // SAMPLE_COUNT)
    return tuple(compose_prompt("", work.tags) for work in tagged[::stride][:SAMPLE_COUNT])


def draw_samples(
    base: BaseModel,
    adapter: RowAdapter,
    prompts: Sequence[str],
    *,
    trigger: str,
    seed: int,
    folder: Path,
    step: int,
) -> list[Path]:
    """Draw one sample per prompt with the adapter as it is now, and write them as PNG files."""
    side = base.native_side
    tensors = {name: value.detach().to(base.dtype) for name, value in adapter.tensors.items()}
    seeds = [named_seed(seed, "sample", index) for index in range(len(prompts))]
    batch = SamplingBatch(
        positive=base.encode_prompts([compose_prompt(trigger, [text]) for text in prompts]),
        negative=base.encode_prompts([""] * len(prompts)),
        noise=torch.stack([seed_noise(base, seed, width=side, height=side) for seed in seeds]),
        guidance=torch.full((len(prompts),), base.spec.guidance_scale),
        adapters=(RowAdapter(tensors, adapter.scale * base.spec.worn_strength),) * len(prompts),
        steps=base.spec.sample_steps,
    )
    decoded = base.decode_latents(sample_latents(base, batch))
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, picture in enumerate(to_pictures(decoded)):
        path = folder / f"step_{step:06d}_sample_{index}.png"
        unfinished = path.with_suffix(".partial")
        picture.save(unfinished, format="PNG")
        unfinished.replace(path)
        paths.append(path)
    return paths
