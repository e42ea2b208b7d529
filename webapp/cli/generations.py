"""`flask generation …`: order pictures and watch their progress."""

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.cli.accounts import find_user
from webapp.cli.failures import failure
from webapp.cli.progress import JobProgress, watch
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError
from webapp.domain.models.account import User
from webapp.domain.models.generation import AspectRatio, Generation, GenerationStatus
from webapp.domain.models.style import LicenseType
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generations, previews

generation = AppGroup("generation", help="Order pictures.")
FINISHED = frozenset(
    {GenerationStatus.COMPLETED, GenerationStatus.FAILED, GenerationStatus.CANCELED}
)


@generation.command("create")
@click.argument("style_id", type=int)
@click.option("--buyer", "email", required=True, help="E-mail address of the buyer.")
@click.option("--tags", required=True, help="Prompt: English tags, separated by commas.")
@click.option(
    "--ratio", default="1:1", show_default=True,
    type=click.Choice([ratio.value for ratio in AspectRatio]), help="Width to height.",
)  # fmt: skip
@click.option(
    "--count", default=1, show_default=True, type=click.IntRange(1, 4), help="How many pictures."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of the first; default: random.")
@click.option(
    "--license", "license_type", type=click.Choice([kind.value for kind in LicenseType]),
    help="Licence; by default the personal one, if the style sells it.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Order a picture that the buyer already owns.")
def create(
    style_id: int,
    email: str,
    tags: str,
    ratio: str,
    count: int,
    seed: int | None,
    license_type: str | None,
    *,
    again: bool,
) -> None:
    """Order pictures in a style and wait for them."""
    try:
        with unit_of_work() as session:
            buyer = find_user(session, email)
            prompt_tags = [tag.strip() for tag in tags.split(",")]
            _print_unknown_tags(session, buyer, style_id, prompt_tags)
            order_id = generations.request(
                session,
                user=buyer,
                style_id=style_id,
                prompt_tags=prompt_tags,
                negative_tags=[],
                description="",
                aspect_ratio=AspectRatio(ratio),
                seed=seed,
                style_strength=1.0,
                count=count,
                expected_price_tokens=None,
                request_id="command-line",
                license_type=None if license_type is None else LicenseType(license_type),
                allow_duplicate=again,
            ).id
    except DomainError as error:
        raise failure(error) from error
    pictures = watch(lambda: progress_of(order_id))
    if any(picture.status != GenerationStatus.COMPLETED for picture in pictures):
        raise click.ClickException("Some pictures failed and were refunded.")


def _print_unknown_tags(
    session: Session, buyer: User, style_id: int, prompt_tags: list[str]
) -> None:
    preview = previews.preview(
        session,
        viewer=Viewer.of(buyer),
        style_id=style_id,
        prompt_tags=prompt_tags,
        negative_tags=[],
        aspect_ratio=AspectRatio.SQUARE,
        seed=None,
        style_strength=1.0,
        count=1,
    )
    if preview.unknown_tags:
        tags = ", ".join(preview.unknown_tags)
        click.echo(f"New to this style and the base model; may not be recognised: {tags}")


def progress_of(order_id: str) -> list[JobProgress]:
    """Return the progress of each picture of an order."""
    with unit_of_work() as session:
        rows = session.scalars(
            select(Generation).where(Generation.order_id == order_id).order_by(Generation.id)
        ).all()
    return [
        JobProgress(
            label=f"picture {row.id}, seed {row.seed}",
            status=row.status,
            percent=100
            if row.status == GenerationStatus.COMPLETED
            else (row.progress or {}).get("progress_percent", 0),
            is_finished=row.status in FINISHED,
        )
        for row in rows
    ]
