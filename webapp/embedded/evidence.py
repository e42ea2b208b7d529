"""What the demo shows beside its images: the contact sheet, the loss curve, the style gap closed.

The pictures of the sheet are drawn by the engine in this process, base model and trained style
with the same prompts and seeds, because a base-model image is never sold.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from gpu.pretrain.styles import Style, draw_artist_works
from webapp.embedded.supervisor import Stack

FOLDER = Path("var/demo")
PICTURES = 6
FIRST_SEED = 100
OTHER_WORKS_SEED = 2


def make(
    stack: Stack,
    *,
    style: dict[str, Any],
    kind: Style,
    works: list[tuple[Image.Image, tuple[str, ...]]],
) -> dict[str, Any]:
    """Draw the sheet and the curve; return the measured style gap."""
    from gpu.base_models.registry import load_base_model
    from gpu.evaluation import measure_style_gap
    from gpu.training.report import contact_sheet, loss_curve

    adapter = _export_adapter(stack, style["id"])
    others = draw_artist_works(kind, len(works), OTHER_WORKS_SEED, (512, 512))
    # The prompts are what works never trained on show, so that content does not count as style.
    prompts = [tags for _, tags in others[:PICTURES]]
    plain = _draw(adapter, prompts, strength=0.0)
    trained = _draw(adapter, prompts, strength=1.0)
    gap = measure_style_gap(
        load_base_model("built-in"),
        works=[work for work, _ in works],
        other_works=[work for work, _ in others],
        plain=plain,
        trained=trained,
    )
    contact_sheet(
        FOLDER / "contact_sheet.png",
        {
            f"The artist's works: {style['name']}": [work for work, _ in works],
            "The base model": plain,
            "The trained style, same prompts and seeds": trained,
        },
        captions=[", ".join(prompt) for prompt in prompts],
    )
    points = style["training_log"]["losses"]
    loss_curve(
        FOLDER / "loss_curve.png",
        [(step, loss) for step, loss, _ in points],
        [(step, held_out) for step, _, held_out in points if held_out is not None],
        title=f"Training of {style['name']}",
    )
    return {"style_gap_closed": round(gap.closed, 3)}


def _export_adapter(stack: Stack, style_id: int) -> Path:
    file = FOLDER / "adapter.safetensors"
    command = [sys.executable, "-m", "flask", "--app", "webapp.app", "style", "export"]
    subprocess.run([*command, str(style_id), str(file)], env=stack.environment, check=True)
    return file


def _trigger(adapter: Path) -> str:
    from safetensors import safe_open

    with safe_open(adapter, framework="pt") as file:
        trigger: str = file.metadata()["trigger"]
    return trigger


def _draw(adapter: Path, prompts: list[tuple[str, ...]], *, strength: float) -> list[Image.Image]:
    import hashlib

    from gpu.rendering.renderer import Renderer
    from gpu.rendering.requests import RenderedImage, RenderRequest

    sha256 = hashlib.sha256(adapter.read_bytes()).hexdigest()
    requests = [
        RenderRequest(
            request_id=str(k),
            adapter_path=adapter,
            adapter_sha256=sha256,
            trigger=_trigger(adapter),
            prompt_tags=prompt,
            seed=FIRST_SEED + k,
            style_strength=strength,
        )
        for k, prompt in enumerate(prompts)
    ]
    outcomes = Renderer.setup("built-in").render(requests)
    return [outcome.image for outcome in outcomes if isinstance(outcome, RenderedImage)]
