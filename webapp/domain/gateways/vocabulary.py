"""Which words a base model knows, as its own tokenizer reads them: no weights and no engine.

A tokenizer of whole words has a token for what it does not know, and everything unknown looks the
same to the network. A tokenizer that spells words out of pieces (CLIP's, of SD 1.5 and SDXL) knows
every word, so does a base whose tokenizer is on the GPU machines only.
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
    """How many tokens of a text the base model knows, and how many it does not."""

    known: int
    unknown: int


class Vocabulary:
    """The words of one base model; without a tokenizer, all words."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self._tokenizer = tokenizer
        unknown = tokenizer and getattr(tokenizer.model, "unk_token", None)
        self._unknown_id = tokenizer.token_to_id(unknown) if tokenizer and unknown else None

    def count_tokens(self, text: str) -> TokenCounts:
        """Read a text; little words that the tokenizer drops count neither way."""
        if self._tokenizer is None:
            return TokenCounts(known=len(text.split()), unknown=0)
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        unknown = sum(each == self._unknown_id for each in ids)
        return TokenCounts(known=len(ids) - unknown, unknown=unknown)


@lru_cache(maxsize=8)
def of_base_model(name: str) -> Vocabulary:
    """Return the vocabulary of a base model, read once: `built-in`, or a diffusers folder.

    Raises what the library raises for a file that is damaged, and for `built-in` also when it is
    missing: it is shipped with the site.
    """
    if name == BUILT_IN:
        return Vocabulary(Tokenizer.from_file(str(BUILT_IN_FOLDER / FILE)))
    file = Path(name) / FILE
    return Vocabulary(Tokenizer.from_file(str(file)) if file.is_file() else None)
