"""`make demo-sets`: an album of six photos from upload to archive, through HTTP only.

A visitor who has not signed in uploads four rooms and two bathrooms, lets the segmenter search and
clicks what it did not find, gives one window a frame of its own and the bathrooms another tile,
applies one rule to all and exports it. What is left in var/demo-sets can be looked at.
"""

import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from gpu.segmenting.masks import intersection_over_union
from gpu.segmenting.scenes.rooms import draw_room
from webapp.embedded import evidence
from webapp.embedded.sets_visitor import AlbumPhoto, SetsVisitor
from webapp.embedded.supervisor import Stack

FOLDER = Path("var/demo-sets")
SIZE = (1200, 900)
ROOMS = ((2, "living"), (27, "living"), (11, "kitchen"), (16, "bedroom"))
BATHROOMS = (35, 9)
SEARCHED = ("Wall", "Floor", "Ceiling", "Window", "Frame_Molding", "Tile", "Grout")
OWN_WINDOW = 2
GOOD = 0.9  # agreement with what a person sees, above which a found mask is kept
RULE: dict[str, Any] = {
    "Wall": {"action": "recolor", "value": "#8E9F8B"},
    "Floor": {"action": "texture", "value": "oak_a"},
}
BATHROOM_RULE: dict[str, Any] = {
    "Tile": {"action": "recolor", "value": "#DDE3DF"},
    "Floor": {"action": "texture", "value": "terrazzo"},
}
console = Console()


def main() -> None:
    """Run the demo; exit 0 when the archive and its pictures lie in var/demo-sets."""
    began = time.monotonic()
    FOLDER.mkdir(parents=True, exist_ok=True)
    console.print("[bold]Sets[/]: starting the embedded stack…")
    with Stack(Path("var"), environ=os.environ, report=console.print) as stack:
        with SetsVisitor(stack.urls["web"]) as visitor:
            report = story(visitor, album())
        report |= evidence.ledger_check(stack)
    report["total_seconds"] = round(time.monotonic() - began, 1)
    (FOLDER / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print_json(data=report)
    console.print(f"Look at [bold]{FOLDER}[/]: contact_sheet.png and what the archive holds")


def album() -> list[AlbumPhoto]:
    """Draw the six photos."""
    rooms = [(group, draw_room(seed, SIZE, is_tiled=False)) for seed, group in ROOMS]
    rooms += [("bathroom", draw_room(seed, SIZE, is_tiled=True)) for seed in BATHROOMS]
    return [
        AlbumPhoto(f"{number:02}-{group}.jpg", group, scene)
        for number, (group, scene) in enumerate(rooms, 1)
    ]


def story(visitor: SetsVisitor, photos: list[AlbumPhoto]) -> dict[str, Any]:
    """Let the visitor act; return the report."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "upload and checks"):
        job_id = visitor.upload("interior", photos)
    with _timed(seconds, "segmenter"):
        visitor.segment(job_id, SEARCHED)
    with _timed(seconds, "clicks"):
        clicked = _correct(visitor, job_id, photos)
        framed = _frame_of_its_own(visitor, job_id)
    with _timed(seconds, "rules"):
        ended = visitor.execute(
            job_id,
            concepts=RULE,
            overrides=[{"group": "bathroom", "concepts": BATHROOM_RULE}],
            output_template="before_after",
        )
    if ended["status"] != "done" or ended["progress"]["failed"]:
        raise SystemExit(f"The job ended as {ended['status']}: {ended['items']}")
    with _timed(seconds, "archive"):
        files = _unpack(visitor.export(job_id))
    _contact_sheet(visitor, ended, photos)
    return {
        "seconds": seconds,
        "clicked": clicked,
        "frame_of_its_own": framed,
        "warnings": {item["idx"]: item["warnings"] for item in ended["items"] if item["warnings"]},
        "credits": ended["credits"],
        "files": files,
    }


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    console.print(f"{name}…")
    yield
    seconds[name] = round(time.monotonic() - began, 1)


def _correct(visitor: SetsVisitor, job_id: str, photos: list[AlbumPhoto]) -> list[str]:
    """Take out found surfaces that are not what a person sees, and click them; name those."""
    clicked = []
    for idx, photo in enumerate(photos):
        for concept in ("Tile", "Floor") if photo.group == "bathroom" else ("Wall", "Floor"):
            truth = photo.scene.mask(concept)
            found = visitor.instances(job_id, idx=idx, concept=concept)
            if len(found) == 1 and _agrees(visitor, found[0], truth):
                continue
            if found:
                visitor.patch(
                    f"/sets/jobs/{job_id}/instances",
                    changes=[
                        {"instance_id": each["instance_id"], "state": "exclude"} for each in found
                    ],
                )
            visitor.click(job_id, idx, concept, truth)
            clicked.append(f"{photo.filename}: {concept}")
    return clicked


def _agrees(visitor: SetsVisitor, instance: dict[str, Any], truth: Any) -> bool:
    mask = visitor.mask(instance["mask_url"], truth.shape)
    return intersection_over_union(mask, truth) >= GOOD


def _frame_of_its_own(visitor: SetsVisitor, job_id: str) -> str | None:
    """Give the second window of the album a colour of its own; return its label."""
    windows = visitor.instances(job_id, concept="Window")
    second = [each for each in windows if each["number"] == OWN_WINDOW]
    if not second:
        return None
    rule = {"action": "tone", "value": "warmer", "options": {"amount": 1.5}}
    change = {"instance_id": second[0]["instance_id"], "state": "include", "rule": rule}
    visitor.patch(f"/sets/jobs/{job_id}/instances", changes=[change])
    return f"photo {second[0]['idx']}: {second[0]['label']}"


def _unpack(archive: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        files.extractall(FOLDER / "archive")
        return sorted(files.namelist())


def _contact_sheet(visitor: SetsVisitor, job: dict[str, Any], photos: list[AlbumPhoto]) -> None:
    """Save the photos above their results."""
    width, height = SIZE[0] // 3, SIZE[1] // 3
    sheet = Image.new("RGB", (width * len(photos), height * 2), "white")
    for output in job["outputs_ready"]:
        after = Image.open(io.BytesIO(visitor.file(output["preview_url"]))).convert("RGB")
        for row, image in enumerate((photos[output["idx"]].scene.image, after)):
            sheet.paste(image.resize((width, height)), (output["idx"] * width, row * height))
    sheet.save(FOLDER / "contact_sheet.png")


if __name__ == "__main__":
    main()
