"""Samples rendered during training, with the same prompts and seeds at every checkpoint."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from gpu.base_models.lora import RowAdapter
from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.device import catch_out_of_memory
from gpu.errors import GpuOutOfMemory
from gpu.randomness import named_seed
from gpu.rendering.pixels import to_pictures
from gpu.rendering.sampling import SamplingBatch, sample_latents, seed_noise
from gpu.training.recipe import TrainingConfig


def choose_sample_prompts(config: TrainingConfig) -> tuple[str, ...]:
    """The caller's prompts, or the tags of artworks at regular intervals; without the trigger.

    Always `sample_count`; fewer distinct prompts are repeated with other seeds.
    """
    tagged = [artwork for artwork in config.artworks if artwork.tags] or list(config.artworks)
    stride = max(1, len(tagged) // config.sample_count)
    spread = [compose_prompt("", artwork.tags) for artwork in tagged[::stride]]
    prompts = itertools.cycle(config.sample_prompts or spread)
    return tuple(itertools.islice(prompts, config.sample_count))


@dataclass(frozen=True)
class Sample:
    """One picture to render with an adapter, or without one."""

    adapter: RowAdapter | None
    prompt: str
    seed: int


@dataclass(frozen=True)
class SampleRequest:
    """The samples of one training at one checkpoint."""

    samples: tuple[Sample, ...]

    @classmethod
    def of(
        cls,
        base: BaseModel,
        adapter: RowAdapter,
        prompts: Sequence[str],
        *,
        trigger: str,
        seed: int,
    ) -> "SampleRequest":
        """One sample per prompt, with the base model's `lora_scale` as in rendering."""
        tensors = {name: value.detach().to(base.dtype) for name, value in adapter.tensors.items()}
        scaled = RowAdapter(tensors, adapter.scale * base.spec.lora_scale)
        return cls(
            tuple(
                Sample(scaled, compose_prompt(trigger, [text]), named_seed(seed, "sample", index))
                for index, text in enumerate(prompts)
            )
        )

    @classmethod
    def of_base(cls, prompts: Sequence[str], *, seed: int) -> "SampleRequest":
        """The same prompts and seeds without an adapter."""
        return cls(
            tuple(
                Sample(None, text, named_seed(seed, "sample", index))
                for index, text in enumerate(prompts)
            )
        )


def render_samples(base: BaseModel, requests: Sequence[SampleRequest]) -> list[list[Image.Image]]:
    """Render the samples of several trainings; one list of pictures for each.

    Samples whose prompts have equally many parts share a batch, as in rendering. Raises
    `GpuOutOfMemory` when a single picture does not fit.
    """
    samples = [sample for each in requests for sample in each.samples]
    by_parts: dict[int, list[int]] = {}
    for index, sample in enumerate(samples):
        by_parts.setdefault(base.count_parts(_prompt(base, sample)), []).append(index)
    rendered: dict[int, Image.Image] = {}
    for indices in by_parts.values():
        batch = _render(base, [samples[index] for index in indices])
        rendered.update(zip(indices, batch, strict=True))
    pictures = (rendered[index] for index in range(len(samples)))
    return [list(itertools.islice(pictures, len(each.samples))) for each in requests]


def _render(base: BaseModel, samples: Sequence[Sample]) -> list[Image.Image]:
    """Render a batch; split it in halves when memory is full."""
    pictures = catch_out_of_memory(lambda: _render_batch(base, samples), base.device)
    if pictures is not None:
        return pictures
    if len(samples) == 1:
        raise GpuOutOfMemory("one sample does not fit into memory")
    half = len(samples) // 2
    return _render(base, samples[:half]) + _render(base, samples[half:])


def _render_batch(base: BaseModel, samples: Sequence[Sample]) -> list[Image.Image]:
    side = base.native_side
    prompts = [_prompt(base, each) for each in samples]
    batch = SamplingBatch(
        positive=base.encode_prompts(prompts),
        negative=base.encode_prompts([""] * len(samples), parts=base.count_parts(*prompts)),
        noise=torch.stack(
            [seed_noise(base, each.seed, width=side, height=side) for each in samples]
        ),
        seeds=tuple(each.seed for each in samples),
        guidance=torch.full((len(samples),), base.spec.guidance_scale),
        adapters=tuple(each.adapter for each in samples),
        steps=base.spec.sample_steps,
    )
    return to_pictures(base.decode_latents(sample_latents(base, batch)))


def _prompt(base: BaseModel, sample: Sample) -> str:
    return base.complete_prompt(sample.prompt, sample.seed)


def save_samples(pictures: Sequence[Image.Image], folder: Path, step: int) -> list[Path]:
    """Write samples as PNG files, each atomically; step 0 is the base model without the adapter."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, picture in enumerate(pictures):
        path = folder / f"step_{step:06d}_sample_{index}.png"
        unfinished = path.with_suffix(".partial")
        picture.save(unfinished, format="PNG")
        unfinished.replace(path)
        paths.append(path)
    return paths
