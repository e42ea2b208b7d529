"""`flask style …`: make a style from a folder of works, look at it, try it, put it on sale."""

from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.cli.accounts import find_user
from webapp.cli.generations import standings
from webapp.cli.watching import Standing, watch
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError
from webapp.domain.gateways.storage import Storage, configured_storage
from webapp.domain.models.account import User
from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.domain.models.style import ArtworkStatus, PublishWhen, Style, TrainingStatus
from webapp.domain.services import artworks, checkpoints, offers, styles, training, try_outs
from webapp.domain.services.artworks import UploadedImage
from webapp.domain.settings import settings

style = AppGroup("style", help="Styles.")
OVER = frozenset({TrainingStatus.TRAINED, TrainingStatus.COMPLETED, TrainingStatus.FAILED})
SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


@style.command("train")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--artist", "email", required=True, help="E-mail address of the artist.")
@click.option("--name", required=True, help="Name of the style, in English.")
@click.option("--price", default=20, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--tags", default="", help="Tags of every image, separated by commas.")
@click.option("--accept-similar", is_flag=True, help="Use works that look nearly the same too.")
@click.option(
    "--publish", default=PublishWhen.BY_ARTIST.value, show_default=True,
    type=click.Choice([when.value for when in PublishWhen]), help="When it goes on sale.",
)  # fmt: skip
def train(
    folder: Path,
    email: str,
    name: str,
    price: int,
    tags: str,
    publish: str,
    *,
    accept_similar: bool,
) -> None:
    """Train a style on the 10 to 100 pictures of FOLDER.

    Beside each picture a text file of the same name may hold its tags, separated by commas. Works
    that are left out are named, with what is wrong with them.
    """
    when = PublishWhen(publish)
    new = styles.NewStyle(name=name, description=name, price_tokens=price, publish=when)
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
                accept_similar=accept_similar,
            ).id
    except DomainError as error:
        raise click.ClickException(f"{error.code} {error.details}") from error
    (end,) = watch(lambda: [_standing(style_id)])
    for line in _left_out(style_id):
        click.echo(line, err=True)
    if end.status == TrainingStatus.FAILED:
        raise click.ClickException(f"Style {style_id} ended as {end.status}.")
    if end.status == TrainingStatus.TRAINED:
        _show(style_id)
        click.echo(f"Try it: flask style try {style_id} --tags boat,sea")
        click.echo(f"Put it on sale: flask style publish {style_id}")
    else:
        click.echo(f"Style {style_id} is on sale.")


@style.command("show")
@click.argument("style_id", type=int)
def show(style_id: int) -> None:
    """Show where a style stands, and the checkpoints that its artist can choose from."""
    _show(style_id)


@style.command("publish")
@click.argument("style_id", type=int)
@click.option("--checkpoint", type=click.IntRange(0), help="Step of the one to sell; the last.")
@click.option("--cover", default=0, show_default=True, type=click.IntRange(0), help="Its sample.")
def publish_trained(style_id: int, checkpoint: int | None, cover: int) -> None:
    """Put a trained style on sale, as its artist would."""
    try:
        with unit_of_work() as session:
            artist = _artist_of(session, style_id)
            offers.publish(session, user=artist, style_id=style_id, step=checkpoint, cover=cover)
    except DomainError as error:
        raise click.ClickException(f"{error.code} {error.details}") from error
    click.echo(f"Style {style_id} is on sale.")


@style.command("try")
@click.argument("style_id", type=int)
@click.option("--tags", required=True, help="What to draw: English tags, separated by commas.")
@click.option("--checkpoint", type=click.IntRange(0), help="Step of the one to try; the last.")
@click.option("--ratio", default="1:1", type=click.Choice([ratio.value for ratio in AspectRatio]))
@click.option("--count", default=1, type=click.IntRange(1, 4))
@click.option("--seed", type=click.IntRange(0, 2**32 - 1))
def try_out(
    style_id: int, tags: str, checkpoint: int | None, ratio: str, count: int, seed: int | None
) -> None:
    """Draw free private pictures in a trained style, as its artist would, and wait for them."""
    try:
        with unit_of_work() as session:
            order_id = try_outs.request(
                session,
                user=_artist_of(session, style_id),
                style_id=style_id,
                step=checkpoint,
                prompt_tags=[tag.strip() for tag in tags.split(",")],
                negative_tags=[],
                aspect_ratio=AspectRatio(ratio),
                seed=seed,
                style_strength=1.0,
                count=count,
                request_id="command-line",
            ).id
    except DomainError as error:
        raise click.ClickException(f"{error.code} {error.details}") from error
    ends = watch(lambda: standings(order_id))
    if any(end.status != GenerationStatus.COMPLETED for end in ends):
        raise click.ClickException("Not every picture was made.")


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
    from gpu.training.recipe import TrainingArtwork, TrainingProgress

    works = [TrainingArtwork(path, _tags(path, tags)) for path in _pictures(folder)]
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


def _artist_of(session: Session, style_id: int) -> User:
    """Return the person whose style it is."""
    artist_id = session.scalar(select(Style.artist_id).where(Style.id == style_id))
    if artist_id is None:
        raise click.ClickException(f"There is no style {style_id}.")
    return session.get_one(User, artist_id)


def _show(style_id: int) -> None:
    with unit_of_work() as session:
        row = session.get(Style, style_id)
        if row is None:
            raise click.ClickException(f"There is no style {style_id}.")
        click.echo(f"{row.name}: {row.training_status}, {row.price_tokens} tokens a picture")
        for each in checkpoints.of_style(session, style_id):
            gain = checkpoints.gain_of(each)
            sold = "  on sale" if each.adapter_sha256 == row.adapter_sha256 else ""
            measured = (
                f"  palette {gain.palette:.2f}, texture {gain.texture:.2f}, edges {gain.edges:.2f}"
                if gain
                else ""
            )
            click.echo(f"  step {each.step}: {len(each.sample_keys)} samples{measured}{sold}")


def _storage() -> Storage:
    return configured_storage(settings())


def _pictures(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]


def _tags(path: Path, common: str) -> tuple[str, ...]:
    beside = path.with_suffix(".txt")
    text = beside.read_text(encoding="utf-8") if beside.exists() else ""
    return tuple(tag.strip() for tag in f"{common},{text}".split(",") if tag.strip())


def _left_out(style_id: int) -> list[str]:
    """Name each work that was not used, the code of why, and its twin where it has one."""
    with unit_of_work() as session:
        works = {work.idx: work for work in artworks.present(session, style_id)}
        return [
            f"Left out: {work.filename} {work.code}"
            + (f" ({works[work.twin_idx].filename})" if work.twin_idx in works else "")
            for work in works.values()
            if work.status == ArtworkStatus.REJECTED
        ]


def _standing(style_id: int) -> Standing:
    with unit_of_work() as session:
        row = session.scalars(select(Style).where(Style.id == style_id)).one()
        run = training.latest_run(session, style_id)
        percent = (run.progress or {}).get("progress_percent", 0) if run else 0
        is_done = row.training_status in {TrainingStatus.TRAINED, TrainingStatus.COMPLETED}
        return Standing(
            label=row.name,
            status=row.training_status,
            percent=100 if is_done else percent,
            is_over=row.training_status in OVER,
        )
