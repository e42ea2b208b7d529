"""Which words a base model knows, by its tokenizer; needs neither weights nor the engine.

A word-level tokenizer maps all unknown words to one token, so the model cannot tell them apart. A
subword tokenizer (CLIP's, of SD 1.5 and SDXL) knows every word. If the tokenizer is only on the GPU
machines, every word counts as known.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

BUILT_IN = "built-in"
BUILT_IN_FOLDER = Path(__file__).parents[3] / "gpu" / "base_models" / "built_in"
FILE = Path("tokenizer") / "tokenizer.json"


@dataclass(frozen=True)
class TokenCounts:
    """How many tokens of a text the base model knows, and how many it does not know."""

    known: int
    unknown: int


class Vocabulary:
    """The vocabulary of one base model; without a tokenizer, it has all words."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self._tokenizer = tokenizer
        unknown = tokenizer and getattr(tokenizer.model, "unk_token", None)
        self._unknown_id = tokenizer.token_to_id(unknown) if tokenizer and unknown else None

    def count_tokens(self, text: str) -> TokenCounts:
        """Count the tokens of a text; stop words that the tokenizer drops are not counted."""
        if self._tokenizer is None:
            return TokenCounts(known=len(text.split()), unknown=0)
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        unknown = sum(each == self._unknown_id for each in ids)
        return TokenCounts(known=len(ids) - unknown, unknown=unknown)


@lru_cache(maxsize=8)
def of_base_model(name: str) -> Vocabulary:
    """Return the vocabulary of a base model, read once: `built-in`, or a diffusers folder.

    Raises the library's error for a damaged file, and for a missing file of `built-in`.
    """
    if name == BUILT_IN:
        return Vocabulary(Tokenizer.from_file(str(BUILT_IN_FOLDER / FILE)))
    file = Path(name) / FILE
    return Vocabulary(Tokenizer.from_file(str(file)) if file.is_file() else None)
