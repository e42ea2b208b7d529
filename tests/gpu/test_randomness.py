import torch

from gpu.randomness import named_generator, named_permutation, named_seed


def test_a_name_gives_the_same_draw_every_time():
    first = torch.randn(5, generator=named_generator(1, "noise", 3))
    second = torch.randn(5, generator=named_generator(1, "noise", 3))
    assert torch.equal(first, second)


def test_different_names_give_different_draws():
    seeds = {
        named_seed(1, "a"),
        named_seed(1, "b"),
        named_seed(2, "a"),
        named_seed("1a"),
        named_seed(11),
    }
    assert len(seeds) == 5
    assert all(0 <= seed < 1 << 63 for seed in seeds)


def test_a_permutation_holds_everything_once():
    assert sorted(named_permutation(9, "x")) == list(range(9))
