"""What a prompt leaves open is chosen by the seed, for a base model that would else draw a mean.

A small network that was not given the place, the time or the colour draws the mean of all of them,
and the same for every seed. A base that knows its words ships `open_words.json`; of a real base
nothing is asked.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu.randomness import named_seed

FILE = "open_words.json"


@dataclass(frozen=True)
class Choice:
    """One of `words` is added to a prompt with a word of `of` and none of `unless`.

    The empty word adds nothing; a word that stands twice is chosen twice as often.
    """

    of: frozenset[str]
    unless: frozenset[str]
    words: tuple[str, ...]

    def applies(self, words: set[str]) -> bool:
        """Whether a prompt of these words leaves this open."""
        return bool(self.of & words) and not self.unless & words


@dataclass(frozen=True)
class OpenWords:
    """Choices in their order: a later one sees what the earlier ones added."""

    choices: tuple[Choice, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> "OpenWords":
        """The choices of a model folder, none if it has no such file.

        Raises `ValueError` or `KeyError` for a file of another form.
        """
        path = folder / FILE
        if not path.exists():
            return cls()
        return cls(
            tuple(
                Choice(frozenset(each["of"]), frozenset(each["unless"]), tuple(each["words"]))
                for each in json.loads(path.read_text())
            )
        )

    def write(self, folder: Path) -> None:
        """Ship the choices with a model folder, in the same order of words every time."""
        choices = (
            {"of": sorted(each.of), "unless": sorted(each.unless), "words": each.words}
            for each in self.choices
        )
        lines = ",\n".join(json.dumps(choice) for choice in choices)
        (folder / FILE).write_text(f"[\n{lines}\n]\n")

    def choose(self, words: Sequence[str], seed: int) -> tuple[str, ...]:
        """The words that a seed adds to a prompt of these known words."""
        known, added = set(words), []
        for index, choice in enumerate(self.choices):
            if choice.applies(known):
                pick = choice.words[named_seed(seed, "open words", index) % len(choice.words)]
                if pick:
                    known.add(pick)
                    added.append(pick)
        return tuple(added)
