"""`flask style …`: make a style from a folder of works and watch it being learned."""

from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy import select

from webapp.cli.accounts import find_user
from webapp.cli.watching import Standing, watch
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError
from webapp.domain.gateways.storage import Storage, configured_storage
from webapp.domain.models.style import Style, TrainingStatus
from webapp.domain.services import styles, training
from webapp.domain.services.artworks import UploadedImage
from webapp.domain.settings import settings

style = AppGroup("style", help="Styles.")
OVER = frozenset({TrainingStatus.COMPLETED, TrainingStatus.FAILED})
SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


@style.command("train")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--artist", "email", required=True, help="E-mail address of the artist.")
@click.option("--name", required=True, help="Name of the style, in English.")
@click.option("--price", default=20, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--tags", default="", help="Tags of every image, separated by commas.")
def train(folder: Path, email: str, name: str, price: int, tags: str) -> None:
    """Train a style on the 10 to 100 pictures of FOLDER.

    Beside each picture a text file of the same name may hold its tags, separated by commas.
    """
    new = styles.NewStyle(name=name, description=name, price_tokens=price)
    works = [
        UploadedImage(path.name, path.read_bytes(), _tags(path, tags)) for path in _pictures(folder)
    ]
    try:
        with unit_of_work() as session:
            artist = find_user(session, email).artist
            if artist is None:
                raise click.ClickException(f"{email} is not an artist.")
            style_id = styles.create_from_images(
                session,
                _storage(),
                artist=artist,
                new=new,
                uploaded=works,
                base_model=settings().base_model,
                request_id="command-line",
            ).id
    except DomainError as error:
        raise click.ClickException(f"{error.code} {error.details}") from error
    (end,) = watch(lambda: [_standing(style_id)])
    if end.status != TrainingStatus.COMPLETED:
        raise click.ClickException(f"Style {style_id} ended as {end.status}.")
    click.echo(f"Style {style_id} is on sale.")


@style.command("evaluate")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out", default="var/evaluation", show_default=True,
    type=click.Path(file_okay=False, path_type=Path), help="Folder for the report.",
)  # fmt: skip
@click.option("--base-model", help="Name or folder; that of the settings, if not given.")
@click.option("--steps", type=click.IntRange(1), help="What suits the base model, if not given.")
@click.option("--tags", default="", help="Tags of every image, separated by commas.")
def evaluate(folder: Path, out: Path, base_model: str | None, steps: int | None, tags: str) -> None:
    """Measure how well the style of the pictures of FOLDER is learned; nothing is stored or sold.

    Two thirds are learned from, the rest are kept back: their tags are what is asked for, and
    they set how near to the style one can come.
    """
    from gpu.errors import EngineError  # torch takes seconds to import
    from gpu.evaluation.study import Subject, study_styles, write_page
    from gpu.training.recipe import TrainingProgress, TrainingWork

    works = [TrainingWork(path, _tags(path, tags)) for path in _pictures(folder)]
    subject = Subject(folder.resolve().name, works, out / "style")
    name = base_model or settings().base_model
    with click.progressbar(length=100, label="Training") as bar:

        def show(_: str, progress: TrainingProgress) -> None:
            bar.update(int(progress.percent) - bar.pos)

        try:
            findings = study_styles([subject], base_model=name, on_progress=show, steps=steps)
        except EngineError as error:
            raise click.ClickException(f"{error.cause}: {error}") from error
    click.echo(f"Style gap closed: {findings[0].style_gap_closed:.2f}")
    click.echo(f"Edges, as a share of the works' own: {findings[0].edges:.2f}")
    click.echo(f"Look at {write_page(out, findings, base_model=name)}")


@style.command("export")
@click.argument("style_id", type=int)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(style_id: int, file: Path) -> None:
    """Copy the adapter of a style into FILE, in the layout other tools open."""
    with unit_of_work() as session:
        row = session.get(Style, style_id)
        if row is None or row.adapter_key is None:
            raise click.ClickException(f"Style {style_id} has no adapter.")
        key = row.adapter_key
    file.write_bytes(_storage().get(key))
    click.echo(f"{file}")


def _storage() -> Storage:
    return configured_storage(settings())


def _pictures(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]


def _tags(path: Path, common: str) -> tuple[str, ...]:
    beside = path.with_suffix(".txt")
    text = beside.read_text(encoding="utf-8") if beside.exists() else ""
    return tuple(tag.strip() for tag in f"{common},{text}".split(",") if tag.strip())


def _standing(style_id: int) -> Standing:
    with unit_of_work() as session:
        row = session.scalars(select(Style).where(Style.id == style_id)).one()
        run = training.latest_run(session, style_id)
        percent = (run.progress or {}).get("progress_percent", 0) if run else 0
        is_done = row.training_status == TrainingStatus.COMPLETED
        return Standing(
            label=row.name,
            status=row.training_status,
            percent=100 if is_done else percent,
            is_over=row.training_status in OVER,
        )
