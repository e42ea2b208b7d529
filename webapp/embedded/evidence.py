"""Figures of the demos: contact sheet, loss curve, style gap closed, ledger check, recognition.

The pictures of the contact sheet are rendered in this process, by the base model and the trained
style with the same prompts and seeds: the site never sells a picture of the base model.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from gpu.pretrain.styles import Style, draw_artist_works
from webapp.embedded.supervisor import Stack
from webapp.schemas.styles import OwnStyleView

FOLDER = Path("var/demo")
OTHER_WORKS_SEED = 2
FLASK = (sys.executable, "-m", "flask", "--app", "webapp.app")
CROPPED_SHARE = 0.25  # of each side
CROPPED_QUALITY = 50


@dataclass(frozen=True)
class StyleFigures:
    """How much of the style was learned, as in `gpu.evaluation.comparison`."""

    style_gap_closed: float
    edges: float


@dataclass(frozen=True)
class LedgerProof:
    """The result of `flask ledger check`, and over how many transfers."""

    ledger_check: str
    transfers: int


def make(
    stack: Stack,
    *,
    style: OwnStyleView,
    kind: Style,
    works: list[tuple[Image.Image, tuple[str, ...]]],
) -> StyleFigures:
    """Draw the contact sheet and the loss curve; return the measured style gap and edges."""
    from gpu.evaluation.comparison import compare_with_base, draw_sheet
    from gpu.evaluation.pictures import loss_curve
    from gpu.rendering.renderer import Renderer

    adapter = _export_adapter(stack, style.id)
    others = draw_artist_works(kind, len(works), OTHER_WORKS_SEED, (512, 512))
    comparison = compare_with_base(
        Renderer.setup("built-in"), adapter, works=works, other_works=others
    )
    draw_sheet(FOLDER / "contact_sheet.png", style.name, works, comparison)
    points = style.training_log.losses if style.training_log else []
    loss_curve(
        FOLDER / "loss_curve.png",
        [(int(step or 0), loss) for step, loss, _ in points if loss is not None],
        [(int(step or 0), held_out) for step, _, held_out in points if held_out is not None],
        title=f"Training of {style.name}",
    )
    return StyleFigures(
        style_gap_closed=round(comparison.gap.closed, 3), edges=round(comparison.edges, 3)
    )


def _export_adapter(stack: Stack, style_id: int) -> Path:
    file = FOLDER / "adapter.safetensors"
    command = [*FLASK, "style", "export", str(style_id), str(file)]
    subprocess.run(command, env=stack.environment, check=True)
    return file


def ledger_check(stack: Stack) -> LedgerProof:
    """Run `flask ledger check --json`; exits when it finds a violation."""
    check = subprocess.run(  # noqa: PLW1510 - a violation is reported below, with the output
        [*FLASK, "ledger", "check", "--json"],
        env=stack.environment,
        capture_output=True,
        text=True,
    )
    if check.returncode != 0:
        raise SystemExit(f"The ledger check failed:\n{check.stdout}{check.stderr}")
    return LedgerProof(ledger_check="ok", transfers=json.loads(check.stdout)["transfers"])


def recognised_parts(stack: Stack, images: Mapping[Path, str]) -> int:
    """Crop each image, save the part as a JPEG beside it, and ask `flask verify` whose it is.

    `images` has the address of each image's certificate. Returns how many parts lead to theirs.
    """
    recognised = 0
    for path, certificate_url in images.items():
        with Image.open(path) as image:
            right, bottom = (round((1 - CROPPED_SHARE) * side) for side in image.size)
            part = image.convert("RGB").crop((0, 0, right, bottom))
        file = path.with_name(f"{path.stem}-part.jpg")
        part.save(file, "JPEG", quality=CROPPED_QUALITY)
        answer = subprocess.run(
            [*FLASK, "verify", str(file)],
            env=stack.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        recognised += certificate_url in answer.stdout
    return recognised
