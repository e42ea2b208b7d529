import numpy as np
import pytest
import torch
from PIL import Image

from gpu.evaluation.meter import style_features
from gpu.pretrain.vocabulary import Thing
from tests.bench.goals import SEEDS, Figure, goals_table, mean_distance, seeds_figure
from tests.bench.judges import StyleJudge, ThingJudge
from tests.bench.quality import PORTFOLIOS, SMOKE, Sizes, _plans


def of_colour(level, count):
    random = np.random.default_rng(level)
    noise = random.normal(0, 9, (count, 64, 64, 3))
    return [Image.fromarray(np.clip(level + one, 0, 255).astype(np.uint8)) for one in noise]


def test_a_judge_of_works_names_the_artist_of_other_pictures():
    learned = {"dark": style_features(of_colour(60, 4)), "light": style_features(of_colour(190, 4))}
    judge = StyleJudge.of(learned)
    assert judge.counts(style_features(of_colour(70, 3))) == {"dark": 3, "light": 0}
    assert judge.counts(style_features(of_colour(180, 2))) == {"dark": 0, "light": 2}


def test_a_judge_of_things_knows_the_whole_vocabulary():
    judge = ThingJudge(scenes_each=1, epochs=1)
    assert set(judge.judge(of_colour(90, 2))) <= set(Thing)


def test_every_thing_is_asked_for_before_one_is_asked_for_again():
    things = [plan.thing for plan in _plans(len(Thing) + 2)]
    assert set(things[: len(Thing)]) == set(Thing)
    assert Sizes().pictures >= len(Thing)


def test_every_portfolio_draws_so_many_works_of_a_seed():
    assert len(PORTFOLIOS) >= 12
    for name in ("neon", "posters"):
        (one,), (other,) = (PORTFOLIOS[name](count=1, seed=seed) for seed in (1, 2))
        assert one[0].size == (512, 512)
        assert one[0].tobytes() != other[0].tobytes()
    assert SMOKE.judged_works < Sizes().judged_works


@pytest.mark.parametrize(
    "figure, reached, goal",
    [
        (Figure("a", 0.9, least=0.8, most=1.2), True, "0.8 to 1.2"),
        (Figure("a", 1.3, least=0.8, most=1.2), False, "0.8 to 1.2"),
        (Figure("a", 6.0, most=6.0), True, "at most 6"),
        (Figure("a", 0.7, least=0.8), False, "at least 0.8"),
        (Figure("a", float("nan"), least=0.8), False, "at least 0.8"),
    ],
)
def test_a_figure_stands_beside_its_goal(figure, reached, goal):
    assert (figure.is_reached, figure.goal) == (reached, goal)
    (row,) = goals_table([figure]).rows
    assert row[2:] == (goal, "yes" if reached else "no")


def test_seeds_that_change_nothing_score_nothing():
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    same = seeds_figure(lambda prompts: [grey] * len(prompts), _plans(1), 64)
    assert (same.value, same.is_reached) == (0.0, False)
    far = [Image.new("RGB", (64, 64), (level,) * 3) for level in (0, 80, 160, 240)]
    asked = []

    def draw(prompts):
        asked.extend(prompts)
        return far

    assert seeds_figure(draw, _plans(1), 64).is_reached
    assert len(asked) == SEEDS


def test_distances_are_in_grey_levels():
    assert mean_distance([Image.new("L", (8, 8), 10), Image.new("L", (8, 8), 40)]) == 30
    assert torch.is_tensor(style_features(of_colour(90, 1)))
