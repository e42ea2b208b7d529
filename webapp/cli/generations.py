"""`flask generation …`: order images and watch them being made."""

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.cli.accounts import find_user
from webapp.cli.watching import Standing, watch
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError
from webapp.domain.models.account import User
from webapp.domain.models.generation import AspectRatio, Generation, GenerationStatus
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generations, previews

generation = AppGroup("generation", help="Images.")
OVER = frozenset({GenerationStatus.COMPLETED, GenerationStatus.FAILED, GenerationStatus.CANCELED})


@generation.command("create")
@click.argument("style_id", type=int)
@click.option("--buyer", "email", required=True, help="E-mail address of the buyer.")
@click.option("--tags", required=True, help="What to draw: English tags, separated by commas.")
@click.option("--ratio", default="1:1", type=click.Choice([ratio.value for ratio in AspectRatio]))
@click.option("--count", default=1, type=click.IntRange(1, 4))
@click.option("--seed", type=click.IntRange(0, 2**32 - 1))
@click.option("--again", is_flag=True, help="Buy a picture that the buyer has already.")
def create(
    style_id: int, email: str, tags: str, ratio: str, count: int, seed: int | None, *, again: bool
) -> None:
    """Buy images in a style and wait for them."""
    try:
        with unit_of_work() as session:
            buyer = find_user(session, email)
            words = [tag.strip() for tag in tags.split(",")]
            _tell_unknown(session, buyer, style_id, words)
            order_id = generations.request(
                session,
                user=buyer,
                style_id=style_id,
                prompt_tags=words,
                negative_tags=[],
                description="",
                aspect_ratio=AspectRatio(ratio),
                seed=seed,
                style_strength=1.0,
                count=count,
                expected_price_tokens=None,
                request_id="command-line",
                allow_duplicate=again,
            ).id
    except DomainError as error:
        raise click.ClickException(f"{error.code} {error.details}") from error
    ends = watch(lambda: standings(order_id))
    if any(end.status != GenerationStatus.COMPLETED for end in ends):
        raise click.ClickException("Not every image was made; what failed was refunded.")


def _tell_unknown(session: Session, buyer: User, style_id: int, words: list[str]) -> None:
    found = previews.preview(
        session,
        viewer=Viewer.of(buyer),
        style_id=style_id,
        prompt_tags=words,
        negative_tags=[],
        aspect_ratio=AspectRatio.SQUARE,
        seed=None,
        style_strength=1.0,
        count=1,
    )
    if found["unknown_tags"]:
        named = ", ".join(found["unknown_tags"])
        click.echo(f"New to this style and the base, may not be recognised: {named}")


def standings(order_id: str) -> list[Standing]:
    """Return where each image of an order stands."""
    with unit_of_work() as session:
        rows = session.scalars(
            select(Generation).where(Generation.order_id == order_id).order_by(Generation.id)
        ).all()
    return [
        Standing(
            label=f"image {row.id}, seed {row.seed}",
            status=row.status,
            percent=100
            if row.status == GenerationStatus.COMPLETED
            else (row.progress or {}).get("progress_percent", 0),
            is_over=row.status in OVER,
        )
        for row in rows
    ]
