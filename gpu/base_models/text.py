"""Prompts as the network takes them, for bases with one text encoder (SD 1.5) and two (SDXL)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

_TWO = 2


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

    def __call__(self, prompts: Sequence[str]) -> Any:
        """The encoder's output with all hidden states; prompts are cut at the model's length."""
        tokens = self.tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=self.encoder.config.max_position_embeddings,
            return_tensors="pt",
        )
        return self.encoder(tokens.input_ids.to(self.encoder.device), output_hidden_states=True)


@dataclass(frozen=True)
class PromptEncoder:
    """One or two text towers; with two, empty prompts may stand for zeros, as in SDXL."""

    towers: tuple[TextTower, ...]
    empty_is_zero: bool = False

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """Prompts as conditioning, one row each."""
        outputs = [tower(prompts) for tower in self.towers]
        if len(outputs) < _TWO:
            return Conditioning(outputs[0].last_hidden_state)
        # both towers' last layers but one, side by side, and the second tower's summary
        hidden = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        pooled = outputs[1].text_embeds
        if self.empty_is_zero:
            said = torch.tensor([bool(prompt) for prompt in prompts], device=hidden.device)
            hidden, pooled = hidden * said[:, None, None], pooled * said[:, None]
        return Conditioning(hidden, pooled)
