"""`make demo`: trains a style and sells three signed images, on a bare machine, through HTTP only.

An artist signs in, sends a signature and has a style trained on twelve works that the base model
never saw, saves the samples and puts the style on sale; a buyer orders one image of each aspect
ratio with welcome tokens. var/demo has the results: the signed images, a contact sheet, the loss
curve and report.json.
"""

import hashlib
import io
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image, ImageDraw
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from gpu.pretrain.styles import Style, draw_artist_works
from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.domain.models.style import TrainingStatus
from webapp.domain.prices import price_for_size
from webapp.embedded import evidence
from webapp.embedded.person import Person
from webapp.embedded.supervisor import Stack
from webapp.schemas.accounts import Account
from webapp.schemas.fields import Listed
from webapp.schemas.generations import OrderedGeneration, OwnGenerationView
from webapp.schemas.styles import OwnStyleCard, OwnStyleView

FOLDER = Path("var/demo")
STYLE = Style.WATERCOLOUR
STYLE_NAME = "Watercolour"
WORKS_SEED = 1
WORKS = 12
PRICE = 14  # of 512×512 pixels; all three together cost seven times as much
ARTIST = "colour@artists.example"
ORDERS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("1:1", ("house", "meadow", "sunset"), 11),
    ("2:2", ("mountain", "snow", "day"), 12),
    ("1:2", ("boat", "sea", "sunset"), 13),
)
console = Console()


@dataclass(frozen=True)
class SignedImage:
    """One signed image of the demo, saved at `path`."""

    path: str
    width: int
    height: int
    seed: int
    certificate_url: str
    sha256: str


@dataclass(frozen=True)
class Sales:
    """A trained style and the images that were bought, with the seconds that each took."""

    style: OwnStyleView
    train_seconds: float
    images: list[SignedImage]
    request_to_image_seconds: list[float]


def main() -> None:
    """Run the demo; exit 0 when three signed images are in var/demo."""
    began = time.monotonic()
    FOLDER.mkdir(parents=True, exist_ok=True)
    console.print("[bold]Style License[/]: starting the embedded stack…")
    with Stack(FOLDER / "site", environ=os.environ, report=console.print) as stack:
        console.print(f"The site runs at {stack.urls['web']}")
        sales = train_and_sell(stack)
        ledger = evidence.ledger_check(stack)
        certificates = {Path(image.path): image.certificate_url for image in sales.images}
        recognised = evidence.recognised_parts(stack, certificates)
        figures = evidence.make(stack, style=sales.style, kind=STYLE, works=_works())
    report = {
        "train_seconds": sales.train_seconds,
        "request_to_image_seconds": sales.request_to_image_seconds,
        "images": [asdict(image) for image in sales.images],
        "recognised_after_crop": recognised,
        **asdict(ledger),
        **asdict(figures),
        "total_seconds": round(time.monotonic() - began, 1),
    }
    (FOLDER / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print_json(data=report)
    console.print(f"See [bold]{FOLDER}[/]: the images, contact_sheet.png, loss_curve.png")


def train_and_sell(stack: Stack) -> Sales:
    """Train the style as its artist and order the images as a buyer."""
    with Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        artist = Person(stack.urls["web"], ARTIST).sign_in()
        style_id, train_seconds = _style_on_sale(artist, bars)
        buyer = Person(stack.urls["web"], f"buyer-{int(time.time())}@buyers.example").sign_in()
        bought = [_buy(buyer, style_id, order, bars) for order in ORDERS]
    return Sales(
        style=artist.get(f"/styles/{style_id}", OwnStyleView),
        train_seconds=train_seconds,
        images=[image for image, _ in bought],
        request_to_image_seconds=[seconds for _, seconds in bought],
    )


def _works() -> list[tuple[Image.Image, tuple[str, ...]]]:
    return draw_artist_works(STYLE, WORKS, WORKS_SEED, (512, 512))


def _style_on_sale(artist: Person, bars: Progress) -> tuple[int, float]:
    """Return the id of the artist's style and how long it trained, perhaps in an earlier run."""
    if artist.get("/auth/me", Account).artist is None:
        artist.post(
            "/users/me/upgrade-to-artist",
            data={"artist_name": "Ada Ink"},
            files={"signature_image": ("signature.png", _drawn_signature(), "image/png")},
        )
    for style in artist.get("/styles/me", Listed[OwnStyleCard]).results:
        if style.training_status == TrainingStatus.TRAINED and style.is_active:
            _put_on_sale(artist, style.id)
            return style.id, 0.0
        if style.training_status == TrainingStatus.COMPLETED and style.is_active:
            bars.add_task("style trained before", total=1, completed=1, note="")
            artist.patch(f"/styles/{style.id}", json={"price_tokens": PRICE})
            report = FOLDER / "report.json"
            earlier = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
            return style.id, earlier.get("train_seconds", 0.0)
    return _train(artist, bars)


def _train(artist: Person, bars: Progress) -> tuple[int, float]:
    bar = bars.add_task("training on 12 works", total=100, note="uploading")
    works = _works()
    began = time.monotonic()
    state = created = artist.post(
        "/styles",
        OwnStyleView,
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
    for state in artist.watch(f"/styles/{created.id}", OwnStyleView):
        left = state.progress.estimated_seconds if state.progress else None
        note = state.training_status + (f", {left} s left" if left is not None else "")
        _show(bars, bar, state.progress.progress_percent if state.progress else 0, note)
    if state.training_status != TrainingStatus.TRAINED:
        raise SystemExit(f"The training ended as {state.training_status}: {state.failure}")
    seconds = round(time.monotonic() - began, 1)
    _show(bars, bar, 100, "trained")
    _put_on_sale(artist, created.id)
    return created.id, seconds


def _put_on_sale(artist: Person, style_id: int) -> None:
    """Save the samples of the last checkpoint, and sell it with the first of them as its cover."""
    last = artist.get(f"/styles/{style_id}", OwnStyleView).checkpoints[-1]
    for number, url in enumerate(last.samples):
        artist.save(url, FOLDER / f"sample-{number}.webp")
    if last.gain is not None:
        console.print(last.gain.summary)
    artist.post(f"/styles/{style_id}/publish", json={"checkpoint": last.step, "cover": 0})


def _buy(
    buyer: Person, style_id: int, order: tuple[str, tuple[str, ...], int], bars: Progress
) -> tuple[SignedImage, float]:
    """Order one image, wait until it is delivered, save it; return it and how long it took."""
    ratio, prompt, seed = order
    bar = bars.add_task(f"{ratio} {', '.join(prompt)}", total=100, note="ordered")
    began = time.monotonic()
    ordered = buyer.post(
        "/generations",
        OrderedGeneration,
        json={
            "style_id": style_id,
            "prompt_tags": list(prompt),
            "aspect_ratio": ratio,
            "seed": seed,
            "expected_price_tokens": price_for_size(PRICE, AspectRatio(ratio)),
        },
        headers={"Idempotency-Key": f"demo-{time.time_ns()}"},
    )
    image: OwnGenerationView = ordered
    for image in buyer.watch(f"/generations/{ordered.id}", OwnGenerationView):
        _show(bars, bar, image.progress.progress_percent if image.progress else 0, image.status)
    seconds = round(time.monotonic() - began, 1)
    if image.status != GenerationStatus.COMPLETED or image.license is None:
        raise SystemExit(f"The image ended as {image.status}: {image.failure}")
    _show(bars, bar, 100, f"completed in {seconds} s")
    path = FOLDER / f"{ratio.replace(':', 'x')}-{'-'.join(prompt)}.png"
    data = buyer.download(f"/generations/{image.id}/image?download=1", path)
    buyer.patch(f"/generations/{image.id}", json={"is_public": True})
    signed = SignedImage(
        path=str(path),
        width=image.width,
        height=image.height,
        seed=image.seed,
        certificate_url=image.license.url,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return signed, seconds


def _show(bars: Progress, bar: TaskID, percent: float, note: str) -> None:
    bars.update(bar, completed=percent, note=note)


def _drawn_signature() -> bytes:
    """Return a PNG of smooth strokes on a transparent background."""
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
