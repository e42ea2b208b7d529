"""A study of one style: train on most of its works, then measure on the ones never shown."""

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
UNSEEN_EVERY = 3
MIN_WORKS = 4  # two to learn from, of which one is held out, and two kept back


@dataclass(frozen=True)
class Subject:
    """One style to study: its name, its works and the folder for what is found.

    `recipe_changes` are numbers of the training recipe to be other than decided.
    """

    name: str
    works: Sequence[TrainingArtwork]
    folder: Path
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seen(self) -> tuple[TrainingArtwork, ...]:
        """The works to train on."""
        return tuple(work for k, work in enumerate(self.works) if k % UNSEEN_EVERY)

    @property
    def unseen(self) -> tuple[TrainingArtwork, ...]:
        """Every third work, kept back: what else is in the style, and what to ask for."""
        return tuple(self.works[::UNSEEN_EVERY])

    def check(self) -> None:
        """Raise `LowQualityData` for what cannot be studied, before anything is trained."""
        if len(self.works) < MIN_WORKS:
            raise LowQualityData(
                f"{self.name}: at least {MIN_WORKS} works are needed, got {len(self.works)}"
            )
        untagged = [work.path.name for work in self.unseen if not work.tags]
        if untagged:
            raise LowQualityData(f"tags are needed, to ask for the same: {', '.join(untagged)}")


@dataclass(frozen=True)
class Findings:
    """What was measured of one style; distances are those of `StyleGap`, edges of `Comparison`."""

    name: str
    folder: str
    works: int
    unseen_works: int
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
    """More to show on the page of a study."""

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
) -> list[Findings]:
    """Train all subjects together and write each one's sheet, curve and figures into its folder.

    Raises `LowQualityData` for too few or unusable works, and what `train_styles` raises.
    """
    for subject in subjects:
        subject.check()
    renderer = Renderer.setup(base_model)
    kept_back = [_prepared(subject.unseen, renderer.base) for subject in subjects]
    orders = [_order(subject, base_model, on_progress, steps) for subject in subjects]
    found = []
    for subject, others, outcome in zip(subjects, kept_back, train_styles(orders), strict=True):
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, TrainedStyle)  # noqa: S101 - nothing asked for slices
        found.append(_judge(subject, others, outcome, renderer))
    return found


def _order(
    subject: Subject,
    base_model: str,
    on_progress: Callable[[str, TrainingProgress], None],
    steps: int | None,
) -> TrainingRequest:
    config = TrainingConfig(
        base_model=base_model,
        artworks=subject.seen,
        trigger=TRIGGER,
        output_dir=subject.folder / "training",
        seed=SEED,
        steps=steps,
        recipe_changes=subject.recipe_changes,
    )
    return TrainingRequest(
        config, lambda progress: on_progress(subject.name, progress), should_stop=lambda: False
    )


def _judge(
    subject: Subject, others: Sequence[Work], style: TrainedStyle, renderer: Renderer
) -> Findings:
    works = _prepared(subject.seen, renderer.base)
    comparison = compare_with_base(renderer, style.adapter_path, works=works, other_works=others)
    draw_sheet(subject.folder / "contact_sheet.png", subject.name, works, comparison)
    loss_curve(
        subject.folder / "loss_curve.png",
        list(enumerate(style.loss_history, start=1)),
        style.held_out_history,
        title=f"Training of {subject.name}",
    )
    findings = Findings(
        name=subject.name,
        folder=subject.folder.name,
        works=len(works),
        unseen_works=len(others),
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
    text = json.dumps(asdict(findings), indent=2) + "\n"
    (subject.folder / "report.json").write_text(text, encoding="utf-8")
    return findings


def _prepared(works: Sequence[TrainingArtwork], base: BaseModel) -> list[Work]:
    return [(prepare_artwork(work.path, base), work.tags) for work in works]


def write_page(
    folder: Path,
    findings: Sequence[Findings],
    *,
    base_model: str,
    tables: Sequence[Table] = (),
) -> Path:
    """One page of all studies, whose folders lie beside it."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = folder / "index.html"
    text = pages.get_template("page.html").render(
        findings=findings, base_model=base_model, tables=tables
    )
    page.write_text(text, encoding="utf-8")
    return page
