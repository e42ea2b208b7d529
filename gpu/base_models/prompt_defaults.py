"""Defaults for what a prompt does not specify, chosen by the seed.

A small network that is not told the place, time or colour draws the mean of all of them, the same
for every seed. A base model with a known vocabulary ships `prompt_defaults.json`; others have none,
and their prompts stay unchanged.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu.randomness import named_seed

FILE = "prompt_defaults.json"


@dataclass(frozen=True)
class PromptDefault:
    """One of `words` is added to a prompt with a word of `of` and none of `unless`.

    The empty word adds nothing; a word listed twice is chosen twice as often.
    """

    of: frozenset[str]
    unless: frozenset[str]
    words: tuple[str, ...]

    def applies(self, words: set[str]) -> bool:
        """Whether a prompt of these words needs this default."""
        return bool(self.of & words) and not self.unless & words


@dataclass(frozen=True)
class PromptDefaults:
    """Defaults in order; a later one depends on the words that earlier ones added."""

    defaults: tuple[PromptDefault, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> "PromptDefaults":
        """The defaults of a model folder; none if it has no such file.

        Raises `ValueError` or `KeyError` for a malformed file.
        """
        path = folder / FILE
        if not path.exists():
            return cls()
        return cls(
            tuple(
                PromptDefault(
                    frozenset(entry["of"]), frozenset(entry["unless"]), tuple(entry["words"])
                )
                for entry in json.loads(path.read_text())
            )
        )

    def write(self, folder: Path) -> None:
        """Write the file into a model folder, words sorted so that it is reproducible."""
        entries = (
            {"of": sorted(each.of), "unless": sorted(each.unless), "words": each.words}
            for each in self.defaults
        )
        lines = ",\n".join(json.dumps(entry) for entry in entries)
        (folder / FILE).write_text(f"[\n{lines}\n]\n")

    def choose(self, words: Sequence[str], seed: int) -> tuple[str, ...]:
        """The words that a seed adds to a prompt of these tokens."""
        known, added = set(words), []
        for index, default in enumerate(self.defaults):
            if default.applies(known):
                # the name of the draw is part of what a seed means: it never changes
                word = default.words[named_seed(seed, "open words", index) % len(default.words)]
                if word:
                    known.add(word)
                    added.append(word)
        return tuple(added)
