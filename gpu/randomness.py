"""Seeded chance without state: every draw is named by what it is for.

A generator made from `(seed, "noise", step)` is the same whether the steps before it ran in this
process, in another one, or not at all. That is why a resumed training equals an unbroken one and
an image does not depend on its batch mates. Always on the CPU, so that devices agree.
"""

import hashlib

import torch

_SEED_BITS = 63


def named_seed(*parts: str | int) -> int:
    """A 63-bit seed that depends on all parts and their order."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _SEED_BITS)


def named_generator(*parts: str | int) -> torch.Generator:
    """A fresh CPU generator for the draw named by `parts`."""
    return torch.Generator("cpu").manual_seed(named_seed(*parts))


def named_permutation(size: int, *parts: str | int) -> list[int]:
    """A permutation of `range(size)` for the draw named by `parts`."""
    return [int(index) for index in torch.randperm(size, generator=named_generator(*parts))]
