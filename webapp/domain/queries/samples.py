"""The words of which the samples on the page of a style were drawn."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.style import Artwork, ArtworkStatus, Style
from webapp.domain.queries import styles
from webapp.domain.services import tags
from webapp.domain.services.checkpoints import SAMPLES


def words(session: Session, style_id: int) -> list[list[str]]:
    """Return the words of each sample of a style on sale, in the order in which it shows them.

    Without the name of the style, which stands for the style itself, and without words that
    moderation has blocked. Returns an empty list when the words are not known: a later training
    may have changed the artworks.
    """
    row = session.execute(
        select(Style.sample_keys.label("shown"), Checkpoint.sample_keys.label("drawn"))
        .join(Checkpoint, Checkpoint.training_run_id == styles.LATEST_RUN)
        .where(Style.id == style_id, Checkpoint.adapter_sha256 == Style.adapter_sha256)
        .limit(1)
    ).one_or_none()
    if row is None or len(row.drawn) != SAMPLES or set(row.drawn) != set(row.shown):
        return []
    prompts = _prompts(_artwork_tags(session, style_id))
    blocked = tags.blocked(session, {tag for prompt in prompts for tag in prompt})
    of_key = dict(zip(row.drawn, prompts, strict=True)) if prompts else {}
    return [[tag for tag in of_key.get(key, []) if tag not in blocked] for key in row.shown]


def _artwork_tags(session: Session, style_id: int) -> Sequence[list[str]]:
    """Return the tags of the artworks that were trained on, each without the style's name."""
    used = select(Artwork.tags).where(
        Artwork.style_id == style_id,
        Artwork.is_removed.is_(False),
        Artwork.status == ArtworkStatus.VALID,
    )
    return [names[1:] for names in session.scalars(used.order_by(Artwork.idx))]


def _prompts(artwork_tags: Sequence[list[str]]) -> list[list[str]]:
    """Return the tags of each sample: those of artworks at regular intervals.

    The same rule as `choose_sample_prompts` of gpu/training/samples.py; a test compares them.
    """
    stride = max(1, len(artwork_tags) // SAMPLES)
    spread = artwork_tags[::stride]
    return [spread[index % len(spread)] for index in range(SAMPLES)] if spread else []
