import dataclasses
from collections import Counter

import pytest
import torch

from gpu.training.captions import CaptionTable, caption_variants
from gpu.training.dataset import (
    CachedArtwork,
    Dataset,
    cache_dataset,
    encode_artworks,
    split_held_out,
)
from gpu.training.recipe import TrainingArtwork, decide_recipe
from gpu.training.schedule import learning_rate_at, plan_steps, should_stop_early


@pytest.fixture
def recipe(make_config, tiny_base):
    return decide_recipe(make_config(steps=400), tiny_base.spec)


def dataset_of(*sides):
    artworks = tuple(CachedArtwork((torch.zeros(1, side, 4),), (1, 2)) for side in sides)
    table = CaptionTable(torch.zeros(3, 1, 1), {"": 0, "style": 1, "style, tree": 2})
    return Dataset(training=artworks, held_out=artworks[:1], captions=table, data_sha256="")


@pytest.mark.parametrize("count", [2, 5, 10, 12, 37, 100])
def test_a_tenth_is_held_out_and_never_trained_on(count):
    training, held_out = split_held_out(count, 0.1, seed=3)
    assert len(held_out) == max(1, round(count * 0.1))
    assert sorted(training + held_out) == list(range(count))


def test_the_held_out_works_depend_only_on_the_seed():
    assert split_held_out(50, 0.1, seed=3) == split_held_out(50, 0.1, seed=3)
    assert split_held_out(50, 0.1, seed=3) != split_held_out(50, 0.1, seed=4)


def test_held_out_works_are_no_part_of_the_training_set(make_config, tiny_base):
    config = make_config()
    artworks, _ = encode_artworks(config, tiny_base)
    dataset = cache_dataset(config, decide_recipe(config, tiny_base.spec), tiny_base, artworks)
    seen = {artwork.latents[0].sum().item() for artwork in dataset.training}
    held_out = {artwork.latents[0].sum().item() for artwork in dataset.held_out}
    assert len(seen) == 9
    assert len(held_out) == 1
    assert not seen & held_out


def test_all_rows_of_a_step_are_of_one_bucket_and_all_works_get_their_turn(recipe):
    dataset = dataset_of(4, 4, 4, 8, 8, 16)
    plan = plan_steps(dataset, recipe, seed=1)
    seen = Counter(row.artwork for step in plan for row in step)
    for step in plan:
        assert len({dataset.training[row.artwork].latents[0].shape for row in step}) == 1
    assert len(plan) == 400
    expected = 400 * recipe.batch_size / 6
    assert all(abs(count - expected) < 0.05 * expected for count in seen.values())


def test_some_prompts_are_empty_for_guidance(recipe):
    rows = [row for step in plan_steps(dataset_of(4, 4), recipe, seed=1) for row in step]
    empty = sum(row.caption_row == 0 for row in rows) / len(rows)
    assert 0.05 < empty < 0.16


def test_a_shorter_training_starts_like_a_longer_one(recipe):
    shorter = dataclasses.replace(recipe, steps=50)
    dataset = dataset_of(4, 4, 8)
    assert plan_steps(dataset, shorter, 1) == plan_steps(dataset, recipe, 1)[:50]


def test_captions_start_with_the_trigger_and_shuffle_and_drop_tags(recipe, tmp_path):
    artwork = TrainingArtwork(tmp_path, tuple(f"tag{number}" for number in range(8)))
    captions = caption_variants(artwork, trigger="style", recipe=recipe, seed=1, index=0)
    assert captions[0] == "style, " + ", ".join(artwork.tags)
    assert all(caption.startswith("style") for caption in captions)
    assert len(set(captions)) == len(captions) == recipe.caption_variants
    assert any(len(caption.split(", ")) < 9 for caption in captions)


def test_the_learning_rate_warms_up_and_falls_like_a_cosine(recipe):
    rates = [learning_rate_at(step, recipe) for step in range(recipe.steps)]
    top = rates.index(max(rates))
    assert rates[0] == pytest.approx(recipe.learning_rate / 20)
    assert max(rates) == pytest.approx(recipe.learning_rate)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0.05 * recipe.learning_rate, rel=0.01)


@pytest.mark.parametrize(
    "losses, stops",
    [
        ([1.0, 0.9, 0.8, 0.7, 0.6], False),
        ([1.0, 0.5, 0.6, 0.7, 0.6], True),
        ([1.0, 0.5, 0.6, 0.7, 0.4], False),
        ([1.0, 0.5], False),
    ],
)
def test_training_stops_when_the_held_out_loss_no_longer_falls(recipe, losses, stops):
    history = [(100 * number, loss) for number, loss in enumerate(losses)]
    assert should_stop_early(history, recipe) is stops


def test_training_never_stops_in_its_first_half(recipe):
    history = [(10 * number, 1.0 + number) for number in range(10)]
    assert not should_stop_early(history, recipe)
