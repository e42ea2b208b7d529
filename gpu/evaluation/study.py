"""Studies of styles: train on two thirds of a style's works and measure on the others."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from gpu.base_models.model import BaseModel
from gpu.errors import LowQualityData
from gpu.evaluation.comparison import Work, compare_with_base, draw_sheet
from gpu.evaluation.pictures import loss_curve
from gpu.rendering.renderer import Renderer
from gpu.training.pictures import prepare_artwork
from gpu.training.recipe import TrainedStyle, TrainingArtwork, TrainingConfig, TrainingProgress
from gpu.training.trainer import TrainingRequest, train_styles

TRIGGER = "<style-0>"
SEED = 1
TEST_EVERY = 3
MIN_WORKS = 4  # two for training, of which one is held out, and two for the test


@dataclass(frozen=True)
class Subject:
    """One style to study: its name, its works and the folder of the results.

    `recipe_changes` overrides values of the training recipe.
    """

    name: str
    works: Sequence[TrainingArtwork]
    folder: Path
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def train_works(self) -> tuple[TrainingArtwork, ...]:
        """The works for training."""
        return tuple(work for k, work in enumerate(self.works) if k % TEST_EVERY)

    @property
    def test_works(self) -> tuple[TrainingArtwork, ...]:
        """Every third work, for the test: their tags are the prompts."""
        return tuple(self.works[::TEST_EVERY])

    def check(self) -> None:
        """Raise `LowQualityData` for too few works, and for test works without tags."""
        if len(self.works) < MIN_WORKS:
            raise LowQualityData(
                f"{self.name}: at least {MIN_WORKS} works are needed, got {len(self.works)}"
            )
        untagged = [work.path.name for work in self.test_works if not work.tags]
        if untagged:
            raise LowQualityData(f"test works need tags, as prompts: {', '.join(untagged)}")


@dataclass(frozen=True)
class StudyResult:
    """Measurements of one style; distances are those of `StyleGap`, edges of `Comparison`."""

    name: str
    folder: str
    works: int
    test_works: int
    style_gap_closed: float
    edges: float
    edges_of_codec: float
    edges_of_base: float
    distance_base: float
    distance_trained: float
    distance_other_works: float
    steps: int
    seconds: float
    held_out_loss_before: float
    held_out_loss: float
    adapter_sha256: str


@dataclass(frozen=True)
class Table:
    """An additional table on the page of a study."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


def study_styles(
    subjects: Sequence[Subject],
    *,
    base_model: str,
    on_progress: Callable[[str, TrainingProgress], None],
    steps: int | None = None,
) -> list[StudyResult]:
    """Train all subjects together; write contact sheet, loss curve and report into their folders.

    Raises `LowQualityData` for too few or unusable works, and the errors of `train_styles`.
    """
    for subject in subjects:
        subject.check()
    renderer = Renderer.setup(base_model)
    test_sets = [_prepared(subject.test_works, renderer.base) for subject in subjects]
    orders = [_order(subject, base_model, on_progress, steps) for subject in subjects]
    results = []
    for subject, test_works, outcome in zip(subjects, test_sets, train_styles(orders), strict=True):
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, TrainedStyle)  # noqa: S101 - trainings are not sliced here
        results.append(_measure(subject, test_works, outcome, renderer))
    return results


def _order(
    subject: Subject,
    base_model: str,
    on_progress: Callable[[str, TrainingProgress], None],
    steps: int | None,
) -> TrainingRequest:
    config = TrainingConfig(
        base_model=base_model,
        artworks=subject.train_works,
        trigger=TRIGGER,
        output_dir=subject.folder / "training",
        seed=SEED,
        steps=steps,
        recipe_changes=subject.recipe_changes,
    )
    return TrainingRequest(
        config, lambda progress: on_progress(subject.name, progress), should_stop=lambda: False
    )


def _measure(
    subject: Subject, test_works: Sequence[Work], style: TrainedStyle, renderer: Renderer
) -> StudyResult:
    works = _prepared(subject.train_works, renderer.base)
    comparison = compare_with_base(
        renderer, style.adapter_path, works=works, other_works=test_works
    )
    draw_sheet(subject.folder / "contact_sheet.png", subject.name, works, comparison)
    loss_curve(
        subject.folder / "loss_curve.png",
        list(enumerate(style.loss_history, start=1)),
        style.held_out_history,
        title=f"Training of {subject.name}",
    )
    result = StudyResult(
        name=subject.name,
        folder=subject.folder.name,
        works=len(works),
        test_works=len(test_works),
        style_gap_closed=round(comparison.gap.closed, 3),
        edges=round(comparison.edges, 3),
        edges_of_codec=round(comparison.edges_of_codec, 3),
        edges_of_base=round(comparison.edges_of_base, 3),
        distance_base=round(comparison.gap.base, 4),
        distance_trained=round(comparison.gap.trained, 4),
        distance_other_works=round(comparison.gap.codec_floor, 4),
        steps=style.steps,
        seconds=round(style.seconds, 1),
        held_out_loss_before=round(style.held_out_history[0][1], 5),
        held_out_loss=round(style.held_out_loss, 5),
        adapter_sha256=style.adapter_sha256,
    )
    text = json.dumps(asdict(result), indent=2) + "\n"
    (subject.folder / "report.json").write_text(text, encoding="utf-8")
    return result


def _prepared(works: Sequence[TrainingArtwork], base: BaseModel) -> list[Work]:
    return [(prepare_artwork(work.path, base), work.tags) for work in works]


def write_page(
    folder: Path,
    results: Sequence[StudyResult],
    *,
    base_model: str,
    tables: Sequence[Table] = (),
) -> Path:
    """Write a page of all studies into the parent of their folders; returns its path."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = folder / "index.html"
    text = pages.get_template("page.html").render(
        results=results, base_model=base_model, tables=tables
    )
    page.write_text(text, encoding="utf-8")
    return page
