"""`make demo`: the main job on a bare machine, through HTTP only, from photos to signed images.

An artist signs in, draws a signature and has a style trained from twelve works that the base model
never saw, looks at the samples and puts it on sale; a buyer spends welcome tokens on one image of
each ratio. What is left in var/demo can
be looked at: the signed images, a contact sheet, the loss curve and report.json.
"""

import hashlib
import io
import json
import os
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from gpu.pretrain.styles import Style, draw_artist_works
from webapp.embedded import evidence
from webapp.embedded.person import Person
from webapp.embedded.supervisor import Stack

FOLDER = Path("var/demo")
STYLE = Style.WATERCOLOUR
STYLE_NAME = "Watercolour"
WORKS_SEED = 1
WORKS = 12
PRICE = 20
ARTIST = "colour@artists.example"
ORDERS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("1:1", ("house", "meadow", "sunset"), 11),
    ("2:2", ("mountain", "snow", "day"), 12),
    ("1:2", ("boat", "sea", "sunset"), 13),
)
console = Console()


def main() -> None:
    """Run the demo; exit 0 when three signed images lie in var/demo."""
    began = time.monotonic()
    FOLDER.mkdir(parents=True, exist_ok=True)
    console.print("[bold]Style License[/]: starting the embedded stack…")
    with Stack(Path("var"), environ=os.environ, report=console.print) as stack:
        console.print(f"The site runs at {stack.urls['web']}")
        report = story(stack)
    report["total_seconds"] = round(time.monotonic() - began, 1)
    (FOLDER / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print_json(data=report)
    console.print(f"Look at [bold]{FOLDER}[/]: the images, contact_sheet.png, loss_curve.png")


def story(stack: Stack) -> dict[str, Any]:
    """Let the artist and the buyer act; return the report."""
    with Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        artist = Person(stack.urls["web"], ARTIST).sign_in()
        style, train_seconds = _have_style(artist, bars)
        buyer = Person(stack.urls["web"], f"buyer-{int(time.time())}@buyers.example").sign_in()
        images = [_buy(buyer, style["id"], order, bars) for order in ORDERS]
    ledger = evidence.ledger_check(stack)
    pictures = evidence.make(
        stack, style=artist.get(f"/styles/{style['id']}"), kind=STYLE, works=_works()
    )
    return {
        "train_seconds": train_seconds,
        "request_to_image_seconds": [image.pop("seconds") for image in images],
        "images": images,
        **ledger,
        **pictures,
    }


def _works() -> list[tuple[Image.Image, tuple[str, ...]]]:
    return draw_artist_works(STYLE, WORKS, WORKS_SEED, (512, 512))


def _have_style(artist: Person, bars: Progress) -> tuple[dict[str, Any], float]:
    """Return the artist's style and how long it trained; a second run finds it trained."""
    if artist.get("/auth/me")["artist"] is None:
        artist.post(
            "/users/me/upgrade-to-artist",
            data={"artist_name": "Ada Ink"},
            files={"signature_image": ("signature.png", _drawn_signature(), "image/png")},
        )
    for style in artist.get("/styles/me")["results"]:
        if style["training_status"] == "trained" and style["is_active"]:
            return _put_on_sale(artist, style["id"]), 0.0
        if style["training_status"] == "completed" and style["is_active"]:
            bars.add_task("style trained before", total=1, completed=1, note="")
            report = FOLDER / "report.json"
            known = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
            return style, known.get("train_seconds", 0.0)
    return _train(artist, bars)


def _train(artist: Person, bars: Progress) -> tuple[dict[str, Any], float]:
    bar = bars.add_task("training on 12 works", total=100, note="uploading")
    works = _works()
    began = time.monotonic()
    style = artist.post(
        "/styles",
        data={
            "name": STYLE_NAME,
            "description": "Thin colours on white paper.",
            "price_tokens": str(PRICE),
            "license_type": "commercial",
            "image_tags": json.dumps({str(k): list(tags) for k, (_, tags) in enumerate(works)}),
        },
        files=[
            ("images[]", (f"work-{k:02}.png", _png(image), "image/png"))
            for k, (image, _) in enumerate(works)
        ],
    )
    state = style
    for state in artist.watch(f"/styles/{style['id']}"):
        progress = state["progress"] or {}
        left = progress.get("estimated_seconds")
        note = state["training_status"] + (f", {left} s left" if left is not None else "")
        _show(bars, bar, progress.get("progress_percent", 0), note)
    if state["training_status"] != "trained":
        raise SystemExit(f"The training ended as {state['training_status']}: {state['failure']}")
    seconds = round(time.monotonic() - began, 1)
    _show(bars, bar, 100, "trained")
    return _put_on_sale(artist, style["id"]), seconds


def _put_on_sale(artist: Person, style_id: int) -> dict[str, Any]:
    """Look at the samples of the last checkpoint, then sell it with the first as its cover."""
    last = artist.get(f"/styles/{style_id}")["checkpoints"][-1]
    for number, url in enumerate(last["samples"]):
        artist.save(url, FOLDER / f"sample-{number}.webp")
    if last["gain"] is not None:
        console.print(last["gain"]["summary"])
    choice = {"checkpoint": last["step"], "cover": 0}
    sold: dict[str, Any] = artist.post(f"/styles/{style_id}/publish", json=choice)
    return sold


def _buy(
    buyer: Person,
    style_id: int,
    order: tuple[str, tuple[str, ...], int],
    bars: Progress,
) -> dict[str, Any]:
    """Order one image, wait until it is delivered, save it."""
    ratio, prompt, seed = order
    bar = bars.add_task(f"{ratio} {', '.join(prompt)}", total=100, note="ordered")
    began = time.monotonic()
    generation = buyer.post(
        "/generations",
        json={
            "style_id": style_id,
            "prompt_tags": list(prompt),
            "aspect_ratio": ratio,
            "seed": seed,
            "expected_price_tokens": PRICE,
        },
        headers={"Idempotency-Key": f"demo-{time.time_ns()}"},
    )
    state = generation
    for state in buyer.watch(f"/generations/{generation['id']}"):
        percent = (state["progress"] or {}).get("progress_percent", 0)
        _show(bars, bar, percent, state["status"])
    seconds = round(time.monotonic() - began, 1)
    if state["status"] != "completed":
        raise SystemExit(f"The image ended as {state['status']}: {state['failure']}")
    _show(bars, bar, 100, f"completed in {seconds} s")
    path = FOLDER / f"{ratio.replace(':', 'x')}-{'-'.join(prompt)}.png"
    data = buyer.download(f"/generations/{state['id']}/image?download=1", path)
    buyer.patch(f"/generations/{state['id']}", json={"is_public": True})
    return {
        "path": str(path),
        "width": state["width"],
        "height": state["height"],
        "seed": state["seed"],
        "certificate_url": state["license"]["url"],
        "sha256": hashlib.sha256(data).hexdigest(),
        "seconds": seconds,
    }


def _show(bars: Progress, bar: TaskID, percent: float, note: str) -> None:
    bars.update(bar, completed=percent, note=note)


def _drawn_signature() -> bytes:
    """Return a drawn signature: smooth strokes on a transparent ground."""
    scale = 4
    image = Image.new("RGBA", (480 * scale, 160 * scale), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    strokes = (
        [(20, 130), (60, 30), (78, 20), (84, 60), (96, 128)],
        [(42, 92), (70, 84), (104, 86)],
        [(170, 60), (136, 78), (138, 116), (168, 112), (176, 20), (176, 118), (196, 110)],
        [(240, 64), (212, 76), (210, 112), (238, 110), (246, 66), (250, 116), (290, 96)],
        [(330, 30), (334, 80), (330, 124)],
        [(360, 122), (362, 74), (384, 70), (394, 88), (394, 122)],
        [(420, 26), (420, 122), (450, 70), (424, 96), (462, 124)],
        [(14, 146), (200, 138), (470, 144)],
    )
    for stroke in strokes:
        points = [(x * scale, y * scale) for x, y in stroke]
        pen.line(points, fill=(34, 26, 60, 255), width=6 * scale, joint="curve")
    file = io.BytesIO()
    image.resize((480, 160), Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    main()
