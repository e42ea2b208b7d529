from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from gpu.training.recipe import TrainingArtwork, TrainingConfig
from gpu.training.samples import choose_sample_prompts
from tests import making
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.style import Artwork, ArtworkStatus, Tag
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries import samples, tags as tag_queries
from webapp.domain.services.checkpoints import SAMPLES

COVER = 2


def name_artworks(session, style, count):
    """Give the style as many valid artworks instead, each with its number in words."""
    session.execute(delete(Artwork).where(Artwork.style_id == style.id))
    for idx in range(count):
        session.add(
            Artwork(
                style_id=style.id,
                idx=idx,
                filename=f"work {idx}.png",
                upload_key=f"uploads/{style.id}-{idx}.png",
                declared_size=1000,
                content_type="image/png",
                tags=[style.tags[0], f"thing {idx}", "sea"],
                status=ArtworkStatus.VALID,
            )
        )
    session.flush()


def words_of(session, style):
    known = tag_queries.vocabulary(session, style.id, style.tags)
    return samples.words(session, style.id, known.of_artworks)


@pytest.fixture
def style(session, storage):
    """A style on sale with four samples, of which the third is the cover."""
    trained = making.trained(session, storage, steps=(50,))
    keys = [f"samples/{trained.id}-{place}.webp" for place in range(SAMPLES)]
    session.execute(update(Checkpoint).values(sample_keys=keys, thumbnail_keys=keys))
    name_artworks(session, trained, 11)
    making.put_on_sale(session, trained, cover=COVER)
    return trained


def test_the_cover_comes_first_with_its_own_words_and_without_the_name(session, style):
    assert words_of(session, style) == [
        ["thing 4", "sea"],
        ["thing 0", "sea"],
        ["thing 2", "sea"],
        ["thing 6", "sea"],
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 10, 11, 100])
def test_the_words_are_those_that_the_engine_draws(session, style, count):
    name_artworks(session, style, count)
    rows = session.scalars(
        select(Artwork.tags)
        .where(Artwork.style_id == style.id, Artwork.status == ArtworkStatus.VALID)
        .order_by(Artwork.idx)
    )
    artworks = tuple(TrainingArtwork(path=Path("x.png"), tags=tuple(tags)) for tags in rows)
    config = TrainingConfig(
        base_model="built-in",
        artworks=artworks,
        trigger="style",
        output_dir=Path("out"),
        seed=1,
        sample_count=SAMPLES,
    )
    drawn = [prompt.split(", ")[1:] for prompt in choose_sample_prompts(config)]
    cover = drawn.pop(COVER)
    assert words_of(session, style) == [cover, *drawn]


def test_a_blocked_word_is_left_out(session, style):
    session.add(Tag(name="sea", is_flagged=True))
    session.flush()
    assert words_of(session, style)[0] == ["thing 4"]


def test_nothing_is_said_of_samples_once_the_artworks_may_have_changed(session, style):
    session.add(TrainingRun(style_id=style.id, seed=2))
    session.flush()
    assert words_of(session, style) == []


def test_a_style_without_a_recorded_training_has_no_words(session, storage):
    assert words_of(session, making.style(session, storage)) == []
