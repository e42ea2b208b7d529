"""Prompts as the network takes them, for bases with one text encoder (SD 1.5) and two (SDXL).

A text encoder reads a fixed number of tokens. A longer prompt is cut between its tags into parts;
each part is encoded by itself, with its own begin and end tokens, and the hidden states are put one
after another along the sequence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

_TWO = 2
_TAG = re.compile(r"[^,]*,\s*|[^,]+")  # with its comma, so that the pieces are the whole text
_WORD = re.compile(r"\S+\s*|\s+")
_BETWEEN = ", "


@dataclass(frozen=True)
class Conditioning:
    """What the network is told about each row.

    `hidden` is [B, T, D]; `pooled` [B, P] is a summary that only some bases (SDXL) also take.
    """

    hidden: torch.Tensor
    pooled: torch.Tensor | None = None

    @classmethod
    def join(cls, parts: "Sequence[Conditioning]") -> "Conditioning":
        """The rows of several, in order."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return cls(
            torch.cat([part.hidden for part in parts]), torch.cat(pooled) if pooled else None
        )

    def __len__(self) -> int:
        return len(self.hidden)

    def __getitem__(self, rows: slice | list[int]) -> "Conditioning":
        return Conditioning(self.hidden[rows], None if self.pooled is None else self.pooled[rows])

    def to(self, device: torch.device, dtype: torch.dtype) -> "Conditioning":
        """The same on a device, in a precision."""
        pooled = None if self.pooled is None else self.pooled.to(device, dtype)
        return Conditioning(self.hidden.to(device, dtype), pooled)


@dataclass(frozen=True)
class TextTower:
    """A tokenizer with its CLIP text encoder."""

    tokenizer: Any
    encoder: Any

    @property
    def length(self) -> int:
        """Tokens that the encoder reads at once, begin and end included."""
        return int(self.encoder.config.max_position_embeddings)

    def fits(self, text: str) -> bool:
        """Whether a text can be encoded without being cut."""
        return len(self.tokenizer(text, verbose=False).input_ids) <= self.length

    def __call__(self, parts: Sequence[str]) -> Any:
        """The encoder's output with all hidden states; parts are padded to the model's length."""
        tokens = self.tokenizer(
            list(parts),
            padding="max_length",
            truncation=True,
            max_length=self.length,
            return_tensors="pt",
        )
        return self.encoder(tokens.input_ids.to(self.encoder.device), output_hidden_states=True)


@dataclass(frozen=True)
class PromptEncoder:
    """One or two text towers; with two, empty prompts may stand for zeros, as in SDXL."""

    towers: tuple[TextTower, ...]
    empty_is_zero: bool = False

    def split(self, prompt: str) -> list[str]:
        """The parts of a prompt, each of which every tower can encode whole.

        Cut between tags; a tag that is longer than a part is cut between words, and a word that is
        longer still is halved.
        """
        if self._fits(prompt):
            return [prompt]
        parts: list[str] = []
        for piece in _pieces(prompt):
            if parts and self._fits(parts[-1] + piece):
                parts[-1] += piece
            else:
                parts += self.split(piece)
        return [part.rstrip(_BETWEEN) for part in parts[:-1]] + parts[-1:]

    def count_parts(self, prompts: Sequence[str]) -> int:
        """How many parts the longest of the prompts has, at least one."""
        return max((len(self.split(prompt)) for prompt in prompts), default=1)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str], *, parts: int = 1) -> Conditioning:
        """Prompts as conditioning, one row each.

        All rows get as many parts as the longest prompt has, and at least `parts`; what a row lacks
        is the encoding of the empty prompt. `hidden` is [B, parts * T, D]; `pooled` is that of the
        first part.
        """
        rows = [self.split(prompt) for prompt in prompts]
        count = max([parts, *(len(row) for row in rows)])
        encoded = self._encode_parts(
            [part for row in rows for part in [*row, *[""] * (count - len(row))]]
        )
        if count == 1:
            return encoded
        hidden = encoded.hidden.unflatten(0, (len(rows), count)).flatten(1, 2)
        return Conditioning(hidden, None if encoded.pooled is None else encoded.pooled[::count])

    def _fits(self, text: str) -> bool:
        return all(tower.fits(text.rstrip(_BETWEEN)) for tower in self.towers)

    def _encode_parts(self, parts: Sequence[str]) -> Conditioning:
        outputs = [tower(parts) for tower in self.towers]
        if len(outputs) < _TWO:
            return Conditioning(outputs[0].last_hidden_state)
        # both towers' last layers but one, side by side, and the second tower's summary
        hidden = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        pooled = outputs[1].text_embeds
        if self.empty_is_zero:
            said = torch.tensor([bool(part) for part in parts], device=hidden.device)
            hidden, pooled = hidden * said[:, None, None], pooled * said[:, None]
        return Conditioning(hidden, pooled)


def _pieces(text: str) -> list[str]:
    """A text cut at the coarsest boundary it has; joined, the pieces are the text again."""
    for pattern in (_TAG, _WORD):
        pieces: list[str] = pattern.findall(text)
        if len(pieces) > 1:
            return pieces
    middle = len(text) // 2
    return [text[:middle], text[middle:]]
