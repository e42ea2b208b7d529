"""A style file that nobody trained: small random weights that fit one base model."""

from pathlib import Path

import torch

from gpu.base_models.lora import adapter_shapes
from gpu.base_models.model import BaseModel
from gpu.training.recipe import TrainingConfig, decide_recipe
from gpu.training.style_file import style_metadata, write_style


def write_random_style(path: Path, base: BaseModel, *, trigger: str, seed: int = 0) -> str:
    """Write a style of the base model's own rank; returns its hash, another for each seed."""
    config = TrainingConfig(
        base_model=base.spec.name, artworks=(), trigger=trigger, output_dir=path.parent, seed=seed
    )
    recipe = decide_recipe(config, base.spec)
    generator = torch.Generator().manual_seed(seed)
    weights = {
        name: torch.nn.Parameter(0.01 * torch.randn(shape, generator=generator))
        for name, shape in adapter_shapes(base.unet, recipe.rank).items()
    }
    metadata = style_metadata(base, recipe, trigger=trigger, data_sha256="", extra={})
    return write_style(path, weights, metadata)
