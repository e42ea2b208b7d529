"""Prompt embeddings for base models with one text encoder (SD 1.5) or two (SDXL).

A text encoder reads a fixed number of tokens. A longer prompt is split between its tags into parts.
Each part is encoded separately, with its own begin and end tokens, and the hidden states are
concatenated along the sequence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

_TWO = 2
_TAG = re.compile(r"[^,]*,\s*|[^,]+")  # with its comma, so that the pieces concatenate to the text
_WORD = re.compile(r"\S+\s*|\s+")
_BETWEEN = ", "


@dataclass(frozen=True)
class Conditioning:
    """Prompt embeddings of each row.

    `hidden` is [B, T, D]; `pooled` [B, P] is only used by some base models (SDXL).
    """

    hidden: torch.Tensor
    pooled: torch.Tensor | None = None

    @classmethod
    def join(cls, parts: "Sequence[Conditioning]") -> "Conditioning":
        """Concatenate the rows of several, in order."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return cls(
            torch.cat([part.hidden for part in parts]), torch.cat(pooled) if pooled else None
        )

    def __len__(self) -> int:
        return len(self.hidden)

    def __getitem__(self, rows: slice | list[int]) -> "Conditioning":
        return Conditioning(self.hidden[rows], None if self.pooled is None else self.pooled[rows])

    def to(self, device: torch.device, dtype: torch.dtype) -> "Conditioning":
        """Move to a device and precision."""
        pooled = None if self.pooled is None else self.pooled.to(device, dtype)
        return Conditioning(self.hidden.to(device, dtype), pooled)


@dataclass(frozen=True)
class TextEncoder:
    """A CLIP text encoder with its tokenizer."""

    tokenizer: Any
    model: Any

    @property
    def length(self) -> int:
        """Tokens that the encoder reads at once, including begin and end."""
        return int(self.model.config.max_position_embeddings)

    def fits(self, text: str) -> bool:
        """Whether a text can be encoded without truncation."""
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
        return self.model(tokens.input_ids.to(self.model.device), output_hidden_states=True)


@dataclass(frozen=True)
class PromptEncoder:
    """One or two text encoders; with two, an empty prompt may be encoded as zeros, as in SDXL."""

    encoders: tuple[TextEncoder, ...]
    empty_is_zero: bool = False

    def split(self, prompt: str) -> list[str]:
        """Split a prompt into parts that every encoder reads without truncation.

        Split between tags; a tag that is longer than a part is split between words, a longer word
        in halves.
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
        """The number of parts of the longest prompt, at least one."""
        return max((len(self.split(prompt)) for prompt in prompts), default=1)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str], *, parts: int = 1) -> Conditioning:
        """Encode prompts, one row each.

        All rows get as many parts as the longest prompt, at least `parts`; shorter rows are padded
        with the encoding of the empty prompt. `hidden` is [B, parts * T, D]; `pooled` is of the
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
        return all(encoder.fits(text.rstrip(_BETWEEN)) for encoder in self.encoders)

    def _encode_parts(self, parts: Sequence[str]) -> Conditioning:
        outputs = [encoder(parts) for encoder in self.encoders]
        if len(outputs) < _TWO:
            return Conditioning(outputs[0].last_hidden_state)
        # SDXL takes both penultimate layers, concatenated, and the second encoder's pooled output
        hidden = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        pooled = outputs[1].text_embeds
        if self.empty_is_zero:
            mask = torch.tensor([bool(part) for part in parts], device=hidden.device)
            hidden, pooled = hidden * mask[:, None, None], pooled * mask[:, None]
        return Conditioning(hidden, pooled)


def _pieces(text: str) -> list[str]:
    """Split a text at its coarsest boundary; the pieces concatenate to the text."""
    for pattern in (_TAG, _WORD):
        pieces: list[str] = pattern.findall(text)
        if len(pieces) > 1:
            return pieces
    middle = len(text) // 2
    return [text[:middle], text[middle:]]
