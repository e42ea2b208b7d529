import itertools

import numpy as np
import pytest

from gpu.segmenting.graphs import cut, shortest, walk

CHAIN = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])


def test_a_walk_along_a_chain_falls_evenly_between_its_seeds():
    chance = walk(CHAIN, np.ones(4), np.array([0, 4]), np.array([1.0, 0.0]), 5)
    assert chance == pytest.approx([1, 0.75, 0.5, 0.25, 0], abs=1e-4)


def test_a_walk_falls_where_it_is_hard_to_cross():
    weights = np.array([1, 1e-3, 1, 1])
    chance = walk(CHAIN, weights, np.array([0, 4]), np.array([1.0, 0.0]), 5)
    assert chance[1] > 0.99
    assert chance[2] < 0.01


def test_the_cheapest_way_goes_round_a_dear_edge():
    pairs = np.array([[0, 1], [0, 2], [2, 1]])
    result = shortest(pairs, np.array([9.0, 1.0, 2.0]), np.array([0]), 3)
    assert result.tolist() == [0, 3, 1]


@pytest.mark.parametrize("seed", range(8))
def test_a_cut_costs_as_little_as_the_best_of_all_divisions(seed):
    random = np.random.default_rng(seed)
    pairs = np.array(list(itertools.combinations(range(6), 2)))
    weights = np.round(random.random(len(pairs)), 3)
    inside_cost, outside_cost = np.round(random.random((2, 6)) * 2, 3)

    def cost(inside):
        crossed = inside[pairs[:, 0]] != inside[pairs[:, 1]]
        return inside_cost[inside].sum() + outside_cost[~inside].sum() + weights[crossed].sum()

    every = [np.array(sides) for sides in itertools.product([False, True], repeat=6)]
    result = cut(inside_cost, outside_cost, pairs, weights)
    assert cost(result) == pytest.approx(min(map(cost, every)), abs=1e-6)
