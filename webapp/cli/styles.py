"""`flask style …`: train a style on a folder of artworks, show it, try it, put it on sale."""

from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.cli.accounts import find_user
from webapp.cli.artwork_folders import pictures_in, tags_of
from webapp.cli.failures import failure
from webapp.cli.generations import progress_of
from webapp.cli.progress import JobProgress, watch
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError, InvalidTransition, StyleNotReady
from webapp.domain.gateways.storage import Storage, configured_storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.domain.models.style import ArtworkStatus, PublishWhen, Style, TrainingStatus
from webapp.domain.prices import CHEAPER, MAX_PRICE_TOKENS, MIN_PRICE_TOKENS, Prices
from webapp.domain.services import artworks, checkpoints, offers, styles, training, try_outs
from webapp.domain.services.artworks import UploadedImage
from webapp.domain.settings import settings

style = AppGroup("style", help="Train styles, try them and sell them.")
FINISHED = frozenset({TrainingStatus.TRAINED, TrainingStatus.COMPLETED, TrainingStatus.FAILED})
DEFAULT_PRICE = 20
NOT_WAITING = (
    "Style {} is not waiting for its artist ({}): only a style that is trained and not yet on sale "
    "can be tried and put on sale."
)


@style.command("train")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--artist", "email", required=True, help="E-mail address of the artist.")
@click.option("--name", required=True, help="Name of the style.")
@click.option(
    "--price", type=click.IntRange(MIN_PRICE_TOKENS, MAX_PRICE_TOKENS),
    help="Price of the personal licence, for 512x512; 20, unless --commercial-price is given.",
)  # fmt: skip
@click.option(
    "--commercial-price", type=click.IntRange(MIN_PRICE_TOKENS, MAX_PRICE_TOKENS),
    help="Price of the commercial licence, for 512x512.",
)  # fmt: skip
@click.option("--tags", default="", help="Tags of every artwork, separated by commas.")
@click.option("--accept-similar", is_flag=True, help="Also use nearly identical artworks.")
@click.option(
    "--publish", default=PublishWhen.BY_ARTIST.value, show_default=True,
    type=click.Choice([when.value for when in PublishWhen]), help="When it goes on sale.",
)  # fmt: skip
def train(
    folder: Path,
    email: str,
    name: str,
    price: int | None,
    commercial_price: int | None,
    tags: str,
    publish: str,
    *,
    accept_similar: bool,
) -> None:
    """Train a style on the 10 to 100 artworks of FOLDER.

    A text file with the name of an artwork may give its tags, separated by commas. Excluded
    artworks are listed with the code of their problem.
    """
    when = PublishWhen(publish)
    prices = Prices(price, commercial_price)
    if not prices.sold:
        prices = Prices(personal=DEFAULT_PRICE)
    if prices.is_commercial_cheaper:
        raise click.BadParameter(CHEAPER)
    new = styles.NewStyle(name=name, description=name, prices=prices, publish=when)
    artwork_files = [
        UploadedImage(path.name, path.read_bytes(), tags_of(path, tags))
        for path in pictures_in(folder)
    ]
    try:
        with unit_of_work() as session:
            artist_id = _artist(session, email).user_id
        stored = styles.store_images(
            unit_of_work, _storage(), artist_id=artist_id, new=new, uploaded=artwork_files
        )
        with unit_of_work() as session:
            style_id = styles.create_from_images(
                session,
                artist=_artist(session, email),
                new=new,
                stored=stored,
                base_model=settings().base_model,
                request_id="command-line",
                accept_similar=accept_similar,
            ).id
    except DomainError as error:
        raise failure(error) from error
    (run,) = watch(lambda: [_progress_of(style_id)])
    for line in _excluded(style_id):
        click.echo(line, err=True)
    if run.status == TrainingStatus.FAILED:
        raise click.ClickException(f"Style {style_id} ended as {run.status}.")
    if run.status == TrainingStatus.TRAINED:
        _show(style_id)
        click.echo(f"Try it: flask style try {style_id} --tags boat,sea")
        click.echo(f"Put it on sale: flask style publish {style_id}")
    else:
        click.echo(f"Style {style_id} is on sale.")


@style.command("show")
@click.argument("style_id", type=int)
def show(style_id: int) -> None:
    """Show the state and the checkpoints of a style."""
    _show(style_id)


@style.command("publish")
@click.argument("style_id", type=int)
@click.option(
    "--checkpoint",
    type=click.IntRange(0),
    help="Training step of the checkpoint to sell; default: the last.",
)
@click.option(
    "--cover",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Sample that becomes the cover.",
)
def publish_trained(style_id: int, checkpoint: int | None, cover: int) -> None:
    """Put a trained style on sale, as its artist would."""
    try:
        with unit_of_work() as session:
            artist = _artist_of(session, style_id)
            offers.publish(session, user=artist, style_id=style_id, step=checkpoint, cover=cover)
    except InvalidTransition as error:
        raise click.ClickException(NOT_WAITING.format(style_id, error.code)) from error
    except DomainError as error:
        raise failure(error) from error
    click.echo(f"Style {style_id} is on sale.")


@style.command("try")
@click.argument("style_id", type=int)
@click.option("--tags", required=True, help="Prompt: English tags, separated by commas.")
@click.option(
    "--checkpoint",
    type=click.IntRange(0),
    help="Training step of the checkpoint to try; default: the last.",
)
@click.option(
    "--ratio", default="1:1", show_default=True,
    type=click.Choice([ratio.value for ratio in AspectRatio]), help="Width to height.",
)  # fmt: skip
@click.option(
    "--count", default=1, show_default=True, type=click.IntRange(1, 4), help="How many pictures."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of the first; default: random.")
def try_out(
    style_id: int, tags: str, checkpoint: int | None, ratio: str, count: int, seed: int | None
) -> None:
    """Make free test pictures in a trained style.

    They are private to its artist. The command waits for them.
    """
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
    except StyleNotReady as error:
        raise click.ClickException(NOT_WAITING.format(style_id, error.code)) from error
    except DomainError as error:
        raise failure(error) from error
    pictures = watch(lambda: progress_of(order_id))
    if any(picture.status != GenerationStatus.COMPLETED for picture in pictures):
        raise click.ClickException("Some pictures failed.")


@style.command("evaluate")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out", default="var/evaluation", show_default=True,
    type=click.Path(file_okay=False, path_type=Path), help="Folder for the report.",
)  # fmt: skip
@click.option("--base-model", help="Name or folder; default: that of the settings.")
@click.option(
    "--steps",
    type=click.IntRange(1),
    help="Training steps; default: those of the base model's recipe.",
)
@click.option("--tags", default="", help="Tags of every artwork, separated by commas.")
def evaluate(folder: Path, out: Path, base_model: str | None, steps: int | None, tags: str) -> None:
    """Measure how well training captures a style.

    The style is that of the artworks of FOLDER; nothing is stored. Two thirds are used for
    training. The rest are held out: their tags are the prompts, and they mark the best possible
    result.
    """
    from gpu.errors import EngineError  # torch takes seconds to import
    from gpu.evaluation.study import Subject, study_styles, write_page
    from gpu.training.recipe import TrainingArtwork, TrainingProgress

    training_artworks = [TrainingArtwork(path, tags_of(path, tags)) for path in pictures_in(folder)]
    subject = Subject(folder.resolve().name, training_artworks, out / "style")
    name = base_model or settings().base_model
    with click.progressbar(length=100, label="Training") as bar:

        def show(_: str, progress: TrainingProgress) -> None:
            bar.update(int(progress.percent) - bar.pos)

        try:
            findings = study_styles([subject], base_model=name, on_progress=show, steps=steps)
        except EngineError as error:
            raise click.ClickException(f"{error.cause}: {error}") from error
    click.echo(f"Style gap closed: {findings[0].style_gap_closed:.2f}")
    click.echo(f"Edges, as a share of those of the artworks: {findings[0].edges:.2f}")
    click.echo(f"Report: {write_page(out, findings, base_model=name)}")


@style.command("export")
@click.argument("style_id", type=int)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(style_id: int, file: Path) -> None:
    """Copy the adapter of a style into FILE.

    Its layout is that which other tools open.
    """
    with unit_of_work() as session:
        row = session.get(Style, style_id)
        if row is None or row.adapter_key is None:
            raise click.ClickException(f"Style {style_id} has no adapter.")
        key = row.adapter_key
    file.write_bytes(_storage().get(key))
    click.echo(f"{file}")


def _artist_of(session: Session, style_id: int) -> User:
    """Return the artist of a style."""
    artist_id = session.scalar(select(Style.artist_id).where(Style.id == style_id))
    if artist_id is None:
        raise click.ClickException(f"There is no style {style_id}.")
    return session.get_one(User, artist_id)


def _show(style_id: int) -> None:
    with unit_of_work() as session:
        row = session.get(Style, style_id)
        if row is None:
            raise click.ClickException(f"There is no style {style_id}.")
        prices = Prices.of_style(row)
        offered = ", ".join(f"{prices.of(kind)} tokens {kind}" for kind in prices.sold)
        click.echo(f"{row.name}: {row.training_status}, {offered}, per picture of 512x512")
        for each in checkpoints.of_style(session, style_id):
            gain = checkpoints.gain_of(each)
            mark = "  on sale" if each.adapter_sha256 == row.adapter_sha256 else ""
            measured = (
                f"  palette {gain.palette:.2f}, texture {gain.texture:.2f}, edges {gain.edges:.2f}"
                if gain
                else ""
            )
            click.echo(f"  step {each.step}: {len(each.sample_keys)} samples{measured}{mark}")


def _artist(session: Session, email: str) -> Artist:
    artist = find_user(session, email).artist
    if artist is None:
        raise click.ClickException(f"{email} is not an artist.")
    return artist


def _storage() -> Storage:
    return configured_storage(settings())


def _excluded(style_id: int) -> list[str]:
    """Return one line per excluded artwork: its problem, and the artwork it is similar to."""
    with unit_of_work() as session:
        by_idx = {artwork.idx: artwork for artwork in artworks.present(session, style_id)}
        return [
            f"Excluded: {artwork.filename} {artwork.code}"
            + (f" ({by_idx[artwork.twin_idx].filename})" if artwork.twin_idx in by_idx else "")
            for artwork in by_idx.values()
            if artwork.status == ArtworkStatus.REJECTED
        ]


def _progress_of(style_id: int) -> JobProgress:
    with unit_of_work() as session:
        row = session.scalars(select(Style).where(Style.id == style_id)).one()
        run = training.latest_run(session, style_id)
        percent = (run.progress or {}).get("progress_percent", 0) if run else 0
        is_done = row.training_status in {TrainingStatus.TRAINED, TrainingStatus.COMPLETED}
        return JobProgress(
            label=row.name,
            status=row.training_status,
            percent=100 if is_done else percent,
            is_finished=row.training_status in FINISHED,
        )
