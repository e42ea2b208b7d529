"""`flask generation …`: order images and watch them being made."""

import click
from flask.cli import AppGroup
from sqlalchemy import select

from webapp.cli.accounts import find_user
from webapp.cli.watching import Standing, watch
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError
from webapp.domain.models.generation import AspectRatio, Generation, GenerationStatus
from webapp.domain.services import generations

generation = AppGroup("generation", help="Images.")
OVER = frozenset({GenerationStatus.COMPLETED, GenerationStatus.FAILED, GenerationStatus.CANCELED})


@generation.command("create")
@click.argument("style_id", type=int)
@click.option("--buyer", "email", required=True, help="E-mail address of the buyer.")
@click.option("--tags", required=True, help="What to draw: English tags, separated by commas.")
@click.option("--ratio", default="1:1", type=click.Choice([ratio.value for ratio in AspectRatio]))
@click.option("--count", default=1, type=click.IntRange(1, 4))
@click.option("--seed", type=click.IntRange(0, 2**32 - 1))
def create(style_id: int, email: str, tags: str, ratio: str, count: int, seed: int | None) -> None:
    """Buy images in a style and wait for them."""
    try:
        with unit_of_work() as session:
            order_id = generations.request(
                session,
                user=find_user(session, email),
                style_id=style_id,
                prompt_tags=[tag.strip() for tag in tags.split(",")],
                negative_tags=[],
                description="",
                aspect_ratio=AspectRatio(ratio),
                seed=seed,
                style_strength=1.0,
                count=count,
                expected_price_tokens=None,
                request_id="command-line",
            ).id
    except DomainError as error:
        raise click.ClickException(f"{error.code} {error.details}") from error
    ends = watch(lambda: standings(order_id))
    if any(end.status != GenerationStatus.COMPLETED for end in ends):
        raise click.ClickException("Not every image was made; what failed was refunded.")


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
