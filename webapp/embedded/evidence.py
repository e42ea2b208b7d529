"""What the demo shows beside its images: the contact sheet, the loss curve, the style gap closed.

The pictures of the sheet are drawn by the engine in this process, base model and trained style
with the same prompts and seeds, because a base-model image is never sold.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from gpu.pretrain.styles import Style, draw_artist_works
from webapp.embedded.supervisor import Stack

FOLDER = Path("var/demo")
OTHER_WORKS_SEED = 2


def make(
    stack: Stack,
    *,
    style: dict[str, Any],
    kind: Style,
    works: list[tuple[Image.Image, tuple[str, ...]]],
) -> dict[str, Any]:
    """Draw the sheet and the curve; return the measured style gap and edges."""
    from gpu.evaluation.comparison import compare_with_base, draw_sheet
    from gpu.evaluation.pictures import loss_curve
    from gpu.rendering.renderer import Renderer

    adapter = _export_adapter(stack, style["id"])
    others = draw_artist_works(kind, len(works), OTHER_WORKS_SEED, (512, 512))
    comparison = compare_with_base(
        Renderer.setup("built-in"), adapter, works=works, other_works=others
    )
    draw_sheet(FOLDER / "contact_sheet.png", style["name"], works, comparison)
    points = style["training_log"]["losses"]
    loss_curve(
        FOLDER / "loss_curve.png",
        [(step, loss) for step, loss, _ in points],
        [(step, held_out) for step, _, held_out in points if held_out is not None],
        title=f"Training of {style['name']}",
    )
    return {
        "style_gap_closed": round(comparison.gap.closed, 3),
        "edges": round(comparison.edges, 3),
    }


def _export_adapter(stack: Stack, style_id: int) -> Path:
    file = FOLDER / "adapter.safetensors"
    command = [sys.executable, "-m", "flask", "--app", "webapp.app", "style", "export"]
    subprocess.run([*command, str(style_id), str(file)], env=stack.environment, check=True)
    return file


def ledger_check(stack: Stack) -> dict[str, Any]:
    """Return what `flask ledger check --json` proves."""
    answer = subprocess.run(  # noqa: PLW1510 - a broken ledger is told below, with its findings
        [sys.executable, "-m", "flask", "--app", "webapp.app", "ledger", "check", "--json"],
        env=stack.environment,
        capture_output=True,
        text=True,
    )
    if answer.returncode != 0:
        raise SystemExit(f"The ledger is not proved:\n{answer.stdout}{answer.stderr}")
    found = json.loads(answer.stdout)
    return {"ledger_check": "ok", "transfers": found["transfers"]}
