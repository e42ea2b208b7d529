"""Pictures drawn during training: the same prompts and seeds every time, so one sees it learn."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from gpu.base_models.lora import RowAdapter
from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.device import unless_memory_is_full
from gpu.errors import GpuOutOfMemory
from gpu.randomness import named_seed
from gpu.rendering.pixels import to_pictures
from gpu.rendering.sampling import SamplingBatch, sample_latents, seed_noise
from gpu.training.recipe import TrainingConfig


def choose_sample_prompts(config: TrainingConfig) -> tuple[str, ...]:
    """The caller's prompts, or the tags of works spread over the set; without the trigger.

    Always `sample_count`: of fewer different ones some come twice, each time with another seed.
    """
    tagged = [work for work in config.works if work.tags] or list(config.works)
    stride = max(1, len(tagged) // config.sample_count)
    spread = [compose_prompt("", work.tags) for work in tagged[::stride]]
    prompts = itertools.cycle(config.sample_prompts or spread)
    return tuple(itertools.islice(prompts, config.sample_count))


@dataclass(frozen=True)
class Sample:
    """One picture to be drawn with an adapter as it is now, or without one."""

    adapter: RowAdapter | None
    prompt: str
    seed: int


@dataclass(frozen=True)
class Drawing:
    """The samples that a training wants at one of its checkpoints."""

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
    ) -> "Drawing":
        """One sample per prompt, worn as buyers' pictures wear the style."""
        tensors = {name: value.detach().to(base.dtype) for name, value in adapter.tensors.items()}
        worn = RowAdapter(tensors, adapter.scale * base.spec.worn_strength)
        return cls(
            tuple(
                Sample(worn, compose_prompt(trigger, [text]), named_seed(seed, "sample", index))
                for index, text in enumerate(prompts)
            )
        )

    @classmethod
    def plain(cls, prompts: Sequence[str], *, seed: int) -> "Drawing":
        """What the base model itself draws for the same prompts and seeds."""
        return cls(
            tuple(
                Sample(None, text, named_seed(seed, "sample", index))
                for index, text in enumerate(prompts)
            )
        )


def draw_together(base: BaseModel, drawings: Sequence[Drawing]) -> list[list[Image.Image]]:
    """Draw what several trainings want; one list of pictures for each.

    Samples whose prompts have equally many parts are one batch, as in rendering. Raises
    `GpuOutOfMemory` when not even one picture fits.
    """
    samples = [sample for each in drawings for sample in each.samples]
    alike: dict[int, list[int]] = {}
    for index, sample in enumerate(samples):
        alike.setdefault(base.count_parts(_prompt(base, sample)), []).append(index)
    drawn: dict[int, Image.Image] = {}
    for indices in alike.values():
        batch = _draw(base, [samples[index] for index in indices])
        drawn.update(zip(indices, batch, strict=True))
    pictures = (drawn[index] for index in range(len(samples)))
    return [list(itertools.islice(pictures, len(each.samples))) for each in drawings]


def _draw(base: BaseModel, samples: Sequence[Sample]) -> list[Image.Image]:
    """Draw a batch; when memory is full, its halves."""
    pictures = unless_memory_is_full(lambda: _draw_at_once(base, samples), base.device)
    if pictures is not None:
        return pictures
    if len(samples) == 1:
        raise GpuOutOfMemory("one sample does not fit into memory")
    half = len(samples) // 2
    return _draw(base, samples[:half]) + _draw(base, samples[half:])


def _draw_at_once(base: BaseModel, samples: Sequence[Sample]) -> list[Image.Image]:
    side = base.native_side
    prompts = [_prompt(base, each) for each in samples]
    batch = SamplingBatch(
        positive=base.encode_prompts(prompts),
        negative=base.encode_prompts([""] * len(samples), parts=base.count_parts(*prompts)),
        noise=torch.stack(
            [seed_noise(base, each.seed, width=side, height=side) for each in samples]
        ),
        guidance=torch.full((len(samples),), base.spec.guidance_scale),
        adapters=tuple(each.adapter for each in samples),
        steps=base.spec.sample_steps,
    )
    return to_pictures(base.decode_latents(sample_latents(base, batch)))


def _prompt(base: BaseModel, sample: Sample) -> str:
    return base.complete(sample.prompt, sample.seed)


def save_samples(pictures: Sequence[Image.Image], folder: Path, step: int) -> list[Path]:
    """Write samples as PNG files, each whole or not at all; step 0 is the plain base model."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, picture in enumerate(pictures):
        path = folder / f"step_{step:06d}_sample_{index}.png"
        unfinished = path.with_suffix(".partial")
        picture.save(unfinished, format="PNG")
        unfinished.replace(path)
        paths.append(path)
    return paths
