"""The words of which the samples on the page of a style were drawn."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.style import Style
from webapp.domain.queries import styles
from webapp.domain.services.checkpoints import SAMPLES


def words(session: Session, style_id: int, of_artworks: Sequence[list[str]]) -> list[list[str]]:
    """Return the words of each sample of a style on sale, in the order in which it shows them.

    `of_artworks` are the words of its artworks, from `tags.vocabulary`. Returns an empty list when
    the words are not known: a later training may have changed the artworks.
    """
    row = session.execute(
        select(Style.sample_keys.label("shown"), Checkpoint.sample_keys.label("drawn"))
        .join(Checkpoint, Checkpoint.training_run_id == styles.LATEST_RUN)
        .where(Style.id == style_id, Checkpoint.adapter_sha256 == Style.adapter_sha256)
        .limit(1)
    ).one_or_none()
    is_whole = row is not None and len(row.drawn) == SAMPLES and set(row.drawn) == set(row.shown)
    if row is None or not is_whole or not of_artworks:
        return []
    of_key = dict(zip(row.drawn, _prompts(of_artworks), strict=True))
    return [of_key[key] for key in row.shown]


def _prompts(of_artworks: Sequence[list[str]]) -> list[list[str]]:
    """Return the words of each sample: those of artworks at regular intervals.

    The same rule as `choose_sample_prompts` of gpu/training/samples.py; a test compares them.
    """
    stride = max(1, len(of_artworks) // SAMPLES)
    spread = of_artworks[::stride]
    return [spread[index % len(spread)] for index in range(SAMPLES)]
