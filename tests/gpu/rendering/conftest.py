"""Styles strong enough to see, and requests for them."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from gpu.rendering.renderer import Renderer, RenderRequest
from gpu.training.style_file import write_style


def header_of(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file."""
    with safe_open(path, framework="pt") as opened:
        return dict(opened.metadata())


@pytest.fixture(scope="session")
def strong_styles(trained_style, tmp_path_factory) -> list[tuple[Path, str]]:
    """Two styles of random weights, different from each other and from the base."""
    folder = tmp_path_factory.mktemp("strong")
    styles = []
    for seed in (1, 2):
        generator = torch.Generator().manual_seed(seed)
        tensors = {
            name: torch.nn.Parameter(0.1 * torch.randn(value.shape, generator=generator))
            for name, value in load_file(trained_style.adapter_path).items()
        }
        path = folder / f"{seed}.safetensors"
        styles.append((path, write_style(path, tensors, header_of(trained_style.adapter_path))))
    return styles


@pytest.fixture
def renderer(tiny_base) -> Renderer:
    return Renderer(tiny_base)


@pytest.fixture
def make_request(strong_styles):
    def make(style=0, **changes) -> RenderRequest:
        path, sha256 = strong_styles[style]
        settings = {
            "request_id": "r1",
            "adapter_path": path,
            "adapter_sha256": sha256,
            "trigger": "style",
            "prompt_tags": ("tree", "red"),
            "width": 32,
            "height": 32,
            "seed": 5,
            "steps": 3,
        }
        return RenderRequest(**(settings | changes))

    return make
