"""`make sets-demonstrations`: makes the two demonstrations on the page of Sets, over HTTP.

An account with the plan pro, whose results have no watermark, has a drawn bathroom and a drawn
product edited by several rules each. The photos and results become pictures of the page, in
`webapp/static/sets/demonstrations`, to be committed.
"""

import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image
from rich.console import Console

from gpu.segmenting.scenes.products import draw_product
from gpu.segmenting.scenes.rooms import draw_room
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.embedded.person import Person
from webapp.embedded.sets_visitor import AlbumPhoto, SetsVisitor
from webapp.embedded.supervisor import Stack
from webapp.schemas.sets_jobs import CreatedJob

FOLDER = Path("webapp/static/sets/demonstrations")
BATHROOM, PRODUCT = 35, 12
OWNER = "demonstrations@example.com"
PRO = "pro_month"
QUALITY = 88
console = Console()

Settings = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Option:
    """One rule of a demonstration: its names, what it does, and the colour of its button."""

    en: str
    ko: str
    settings: Settings
    colour: str


@dataclass(frozen=True)
class Scenario:
    """One demonstration: a photo, the concepts to search in it, and the rules to apply."""

    id: str
    preset: str
    photo: AlbumPhoto
    names: dict[str, str]
    description: dict[str, str]
    searched: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Result:
    """One result in the manifest; `webapp/pages/sets.py` reads it."""

    names: dict[str, str]
    picture: str
    colour: str


@dataclass(frozen=True)
class Demonstration:
    """One entry of the manifest; `webapp/pages/sets.py` reads it."""

    id: str
    names: dict[str, str]
    description: dict[str, str]
    before: str
    width: int
    height: int
    results: list[Result]


def main() -> None:
    """Make the pictures and their manifest."""
    with Stack(Path("var"), environ=os.environ, report=console.print) as stack:
        owner = Person(stack.urls["web"], OWNER).sign_in()
        owner.pay(PRO, "/sets/plan/purchase")
        visitor = SetsVisitor(stack.urls["web"], owner)
        entries = [asdict(_demonstrate(visitor, each)) for each in scenarios()]
    manifest = FOLDER / "demonstrations.json"
    manifest.write_text(json.dumps(entries, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    console.print(f"See [bold]{FOLDER}[/]")


def scenarios() -> tuple[Scenario, ...]:
    """Return the demonstrations: a tiled bathroom in three proposals, a product in five colours."""
    bathroom = draw_room(BATHROOM, (1200, 900), is_tiled=True)
    product = draw_product(PRODUCT, (1200, 900))
    return (
        Scenario(
            id="bathroom",
            preset="interior",
            photo=AlbumPhoto("bathroom.jpg", "bathroom", bathroom),
            names={"en": "A bathroom, three proposals", "ko": "욕실, 세 가지 시안"},
            description={
                "en": "Tiles and floor change. Grout, mouldings and the light on the glass stay.",
                "ko": "타일과 바닥만 바뀝니다. 줄눈과 몰딩, 유리에 비친 빛은 그대로입니다.",
            },
            searched=("Tile", "Floor", "Grout", "Frame_Molding", "Window", "Glass_highlight"),
            options=(
                _proposal("Modern", "모던", "#DDE3DF", "terrazzo"),
                _proposal("Natural", "내추럴", "#8E9F8B", "oak_a"),
                _proposal("Hotel", "호텔", "#3E4A61", "marble"),
            ),
        ),
        Scenario(
            id="product",
            preset="seller",
            photo=AlbumPhoto("product.jpg", "main", product),
            names={"en": "One product, five colours", "ko": "상품 하나, 다섯 가지 색"},
            description={
                "en": "Only the body changes. Label, logo and gloss stay.",
                "ko": "몸통 색만 바뀝니다. 라벨과 로고, 광택은 그대로입니다.",
            },
            searched=("Body", "Label_Text", "Logo", "Gloss"),
            options=(
                _colour("Red", "빨강", "#B3262B"),
                _colour("Navy", "남색", "#1F3A6E"),
                _colour("Mustard", "머스터드", "#D9A92F"),
                _colour("Forest", "숲색", "#2F6B3C"),
                _colour("Plum", "자두색", "#6C4A8C"),
            ),
        ),
    )


def _proposal(en: str, ko: str, tile: str, floor: str) -> Option:
    tiles = {"action": "recolor", "value": tile}
    return Option(en, ko, {"Tile": tiles, "Floor": {"action": "texture", "value": floor}}, tile)


def _colour(en: str, ko: str, colour: str) -> Option:
    return Option(en, ko, {"Body": {"action": "recolor", "value": colour}}, colour)


def _demonstrate(visitor: SetsVisitor, scenario: Scenario) -> Demonstration:
    """Edit a photo by each rule, save the pictures, return the entry of the manifest."""
    console.print(f"{scenario.id}…")
    first_id = visitor.upload(scenario.preset, [scenario.photo])
    visitor.segment(first_id, scenario.searched)
    results = []
    for number, option in enumerate(scenario.options, 1):
        job_id = first_id if number == 1 else _with_same_photos(visitor, first_id)
        job = visitor.execute(job_id, concepts=option.settings)
        if job.status != SetsJobStatus.DONE:
            raise SystemExit(f"{scenario.id} ended as {job.status}: {job.items}")
        picture = f"{scenario.id}-{number}.webp"
        _save(visitor.file(job.outputs_ready[0].result_url), FOLDER / picture)
        results.append(Result({"en": option.en, "ko": option.ko}, picture, option.colour))
    before = f"{scenario.id}-before.webp"
    width, height = _save(scenario.photo.data, FOLDER / before)
    return Demonstration(
        id=scenario.id,
        names=scenario.names,
        description=scenario.description,
        before=before,
        width=width,
        height=height,
        results=results,
    )


def _with_same_photos(visitor: SetsVisitor, job_id: str) -> str:
    """Return the id of a new job with the photos and masks of a job."""
    return visitor.post("/sets/jobs", CreatedJob, source_job_id=job_id).job_id


def _save(data: bytes, path: Path) -> tuple[int, int]:
    """Save a picture as WebP; return its width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(data)) as image:
        image.convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)
        return image.size


if __name__ == "__main__":
    main()
