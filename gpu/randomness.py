"""Stateless seeded random numbers: every draw is named by its purpose.

A generator made from `(seed, "noise", step)` does not depend on the steps before it. So a resumed
training equals an uninterrupted one, and an image does not depend on its batch. Generators are
always on the CPU, so that all devices draw the same numbers.
"""

import hashlib

import torch

_SEED_BITS = 63


def named_seed(*parts: str | int) -> int:
    """A 63-bit seed that depends on all parts and their order."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _SEED_BITS)


def named_generator(*parts: str | int) -> torch.Generator:
    """A new CPU generator for the draw named by `parts`."""
    return torch.Generator("cpu").manual_seed(named_seed(*parts))


def named_permutation(size: int, *parts: str | int) -> list[int]:
    """A permutation of `range(size)` for the draw named by `parts`."""
    return [int(index) for index in torch.randperm(size, generator=named_generator(*parts))]
