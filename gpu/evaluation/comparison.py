"""Compare a trained style with the base model on the same prompts and seeds."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from safetensors import safe_open

from gpu.errors import EngineError
from gpu.evaluation.edges import edges_share
from gpu.evaluation.meter import StyleGap, measure_style_gap, through_codec
from gpu.evaluation.pictures import contact_sheet
from gpu.rendering.renderer import RenderedImage, Renderer, RenderFailure, RenderRequest

FIRST_SEED = 100
PICTURES = 6

Work = tuple[Image.Image, tuple[str, ...]]


@dataclass(frozen=True)
class Comparison:
    """Pictures of the same prompts and seeds without and with the style, and measurements.

    Edges are energies of fine edges as a share of that of other works with the same content:
    `edges` of the style's pictures, `edges_of_base` of the base model's, and `edges_of_codec` of
    the other works after a round trip through the base model's codec.
    """

    prompts: tuple[tuple[str, ...], ...]
    plain: list[Image.Image]
    trained: list[Image.Image]
    gap: StyleGap
    edges: float
    edges_of_codec: float
    edges_of_base: float


def compare_with_base(
    renderer: Renderer, style_file: Path, *, works: Sequence[Work], other_works: Sequence[Work]
) -> Comparison:
    """Draw and measure a style trained on `works`.

    The prompts are the tags of `other_works`, which were not trained on, so that the content of
    both is the same.

    Raises `EngineError` if a picture cannot be drawn, `LowQualityData` for works without edges.
    """
    prompts = tuple(tags for _, tags in other_works[:PICTURES])
    plain = draw_in_style(renderer, style_file, prompts, strength=0.0)
    trained = draw_in_style(renderer, style_file, prompts)
    others = [work for work, _ in other_works]
    gap = measure_style_gap(
        renderer.base,
        works=[work for work, _ in works],
        other_works=others,
        plain=plain,
        trained=trained,
    )
    return Comparison(
        prompts,
        plain,
        trained,
        gap,
        edges=edges_share(trained, works=others),
        edges_of_codec=edges_share(through_codec(renderer.base, others), works=others),
        edges_of_base=edges_share(plain, works=others),
    )


def draw_sheet(path: Path, name: str, works: Sequence[Work], comparison: Comparison) -> Path:
    """Write a contact sheet of works, base model and trained style; returns its path."""
    return contact_sheet(
        path,
        {
            f"The artist's works: {name}": [work for work, _ in works],
            "The base model": comparison.plain,
            "The trained style, same prompts and seeds": comparison.trained,
        },
        captions=[", ".join(prompt) for prompt in comparison.prompts],
    )


def draw_in_style(
    renderer: Renderer,
    style_file: Path,
    prompts: Sequence[tuple[str, ...]],
    *,
    strength: float = 1.0,
) -> list[Image.Image]:
    """One picture per prompt at the base model's native size; strength 0 draws without the style.

    Raises `EngineError` if one cannot be drawn.
    """
    with safe_open(style_file, framework="pt") as tensors:
        trigger = tensors.metadata()["trigger"]
    sha256 = hashlib.sha256(style_file.read_bytes()).hexdigest()
    side = renderer.base.native_side
    requests = [
        RenderRequest(
            request_id=", ".join(prompt),
            adapter_path=style_file,
            adapter_sha256=sha256,
            trigger=trigger,
            prompt_tags=prompt,
            width=side,
            height=side,
            seed=FIRST_SEED + index,
            style_strength=strength,
        )
        for index, prompt in enumerate(prompts)
    ]
    return [_picture(outcome) for outcome in renderer.render(requests)]


def _picture(outcome: RenderedImage | RenderFailure) -> Image.Image:
    if isinstance(outcome, RenderFailure):
        raise EngineError(f"{outcome.request_id}: {outcome.cause}: {outcome.message}")
    return outcome.image
