"""`make demo-sets`: an album of six photos from upload to archive, through HTTP only.

An anonymous client uploads four rooms and two bathrooms, has the segmenter search them, clicks the
surfaces that it did not find, gives one window a rule of its own and the bathrooms other tiles,
applies one rule to all and exports the album. The results are in var/demo-sets.
"""

import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image
from pydantic import TypeAdapter
from rich.console import Console

from gpu.rules.colour import Mask
from gpu.segmenting.masks import intersection_over_union
from gpu.segmenting.scenes.rooms import draw_room
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.embedded import evidence
from webapp.embedded.sets_visitor import AlbumPhoto, SetsVisitor
from webapp.embedded.supervisor import Stack
from webapp.schemas.sets_instances import InstanceAnswer
from webapp.schemas.sets_jobs import CreditsOfJob, JobAnswer, WarningOfPhoto

FOLDER = Path("var/demo-sets")
SIZE = (1200, 900)
ROOMS = ((2, "living"), (27, "living"), (11, "kitchen"), (16, "bedroom"))
BATHROOMS = (35, 9)
SEARCHED = ("Wall", "Floor", "Ceiling", "Window", "Frame_Molding", "Tile", "Grout")
OWN_WINDOW = 2
GOOD = 0.9  # intersection over union with the truth, above which a found mask is kept
RULE = {
    "Wall": {"action": "recolor", "value": "#8E9F8B"},
    "Floor": {"action": "texture", "value": "oak_a"},
}
BATHROOM_RULE = {
    "Tile": {"action": "recolor", "value": "#DDE3DF"},
    "Floor": {"action": "texture", "value": "terrazzo"},
}
console = Console()


@dataclass(frozen=True)
class AlbumReport:
    """What was done with the album, how long each step took, and the result.

    `clicked` names the surfaces that the search did not find, `own_rule` the window with a rule of
    its own, `warnings` those of each photo by its index.
    """

    seconds: dict[str, float]
    clicked: list[str]
    own_rule: str | None
    warnings: dict[int, list[WarningOfPhoto]]
    credits: CreditsOfJob
    files: list[str]


def main() -> None:
    """Run the demo; exit 0 when the archive and its pictures are in var/demo-sets."""
    began = time.monotonic()
    FOLDER.mkdir(parents=True, exist_ok=True)
    console.print("[bold]Sets[/]: starting the embedded stack…")
    with Stack(FOLDER / "site", environ=os.environ, report=console.print) as stack:
        with SetsVisitor(stack.urls["web"]) as visitor:
            album_report = run_album(visitor, album())
        ledger = evidence.ledger_check(stack)
    report = TypeAdapter(AlbumReport).dump_python(album_report, mode="json") | asdict(ledger)
    report["total_seconds"] = round(time.monotonic() - began, 1)
    (FOLDER / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print_json(data=report)
    console.print(f"See [bold]{FOLDER}[/]: contact_sheet.png and the files of the archive")


def album() -> list[AlbumPhoto]:
    """Draw the six photos."""
    rooms = [(group, draw_room(seed, SIZE, is_tiled=False)) for seed, group in ROOMS]
    rooms += [("bathroom", draw_room(seed, SIZE, is_tiled=True)) for seed in BATHROOMS]
    return [
        AlbumPhoto(f"{number:02}-{group}.jpg", group, scene)
        for number, (group, scene) in enumerate(rooms, 1)
    ]


def run_album(visitor: SetsVisitor, photos: list[AlbumPhoto]) -> AlbumReport:
    """Upload, segment, click, edit and export the album."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "upload and checks"):
        job_id = visitor.upload("interior", photos)
    with _timed(seconds, "segmenter"):
        visitor.segment(job_id, SEARCHED)
    with _timed(seconds, "clicks"):
        clicked = _correct(visitor, job_id, photos)
        own_rule = _set_own_rule(visitor, job_id)
    with _timed(seconds, "rules"):
        job = visitor.execute(
            job_id,
            concepts=RULE,
            overrides=[{"group": "bathroom", "concepts": BATHROOM_RULE}],
            output_template="before_after",
        )
    if job.status != SetsJobStatus.DONE or job.progress.failed:
        raise SystemExit(f"The job ended as {job.status}: {job.items}")
    with _timed(seconds, "archive"):
        files = _unpack(visitor.export(job_id))
    _contact_sheet(visitor, job, photos)
    return AlbumReport(
        seconds=seconds,
        clicked=clicked,
        own_rule=own_rule,
        warnings={item.idx: item.warnings for item in job.items if item.warnings},
        credits=job.credits,
        files=files,
    )


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    console.print(f"{name}…")
    yield
    seconds[name] = round(time.monotonic() - began, 1)


def _correct(visitor: SetsVisitor, job_id: str, photos: list[AlbumPhoto]) -> list[str]:
    """Exclude found surfaces that differ from the truth, and click them; return their names."""
    clicked = []
    for idx, photo in enumerate(photos):
        for concept in ("Tile", "Floor") if photo.group == "bathroom" else ("Wall", "Floor"):
            truth = photo.scene.mask(concept)
            instances = visitor.instances(job_id, idx=idx, concept=concept)
            if len(instances) == 1 and _is_good(visitor, instances[0], truth):
                continue
            if instances:
                changes = [
                    {"instance_id": each.instance_id, "state": "exclude"} for each in instances
                ]
                visitor.patch(f"/sets/jobs/{job_id}/instances", changes=changes)
            visitor.click(job_id, idx, concept, truth)
            clicked.append(f"{photo.filename}: {concept}")
    return clicked


def _is_good(visitor: SetsVisitor, instance: InstanceAnswer, truth: Mask) -> bool:
    mask = visitor.mask(instance, truth.shape)
    return intersection_over_union(mask, truth) >= GOOD


def _set_own_rule(visitor: SetsVisitor, job_id: str) -> str | None:
    """Give the second window of the album a rule of its own; return its label."""
    windows = visitor.instances(job_id, concept="Window")
    second = [each for each in windows if each.number == OWN_WINDOW]
    if not second:
        return None
    rule = {"action": "tone", "value": "warmer", "options": {"amount": 1.5}}
    change = {"instance_id": second[0].instance_id, "state": "include", "rule": rule}
    visitor.patch(f"/sets/jobs/{job_id}/instances", changes=[change])
    return f"photo {second[0].idx}: {second[0].label}"


def _unpack(archive: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        files.extractall(FOLDER / "archive")
        return sorted(files.namelist())


def _contact_sheet(visitor: SetsVisitor, job: JobAnswer, photos: list[AlbumPhoto]) -> None:
    """Save the photos above their results."""
    width, height = SIZE[0] // 3, SIZE[1] // 3
    sheet = Image.new("RGB", (width * len(photos), height * 2), "white")
    for output in job.outputs_ready:
        after = Image.open(io.BytesIO(visitor.file(output.preview_url))).convert("RGB")
        for row, image in enumerate((photos[output.idx].scene.image, after)):
            sheet.paste(image.resize((width, height)), (output.idx * width, row * height))
    sheet.save(FOLDER / "contact_sheet.png")


if __name__ == "__main__":
    main()
