"""Segmentation by text prompts with SAM3 (Carion et al. 2025, https://arxiv.org/abs/2511.16719).

A photo is encoded once, for any number of prompts. Pre- and post-processing is done here, because
the processor of transformers needs torchvision, which this project does not install.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoTokenizer, Sam3Model
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

from gpu.device import catch_out_of_memory, pick_device, pick_dtype
from gpu.errors import GpuOutOfMemory, ModelMissing
from gpu.segmenting.interface import (
    AUTOMATIC_CONFIDENCE,
    Concept,
    Instance,
    InvalidConcept,
)
from gpu.segmenting.overlaps import Candidate, resolve_overlaps

SOURCE = "facebook/sam3"
_MODEL_TYPES = ("sam3", "sam3_video")  # the published checkpoint includes the tracker
_MEAN, _DEVIATION = 127.5, 127.5  # of levels 0–255: the network was trained on values from -1 to 1
_HASH_BLOCK = 1 << 20
_VERSION_DIGITS = 16


@dataclass(frozen=True)
class Prediction:
    """The network's masks of one prompt in one photo with a score of at least `least_score`.

    `scores` (N,) and `probabilities` (N, h, w) are 0–1; a mask covers the whole photo.
    """

    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def candidates(self) -> list[Candidate]:
        """Each mask with its score."""
        pairs = zip(self.scores.tolist(), self.probabilities, strict=True)
        return [Candidate(score, soft) for score, soft in pairs]


@dataclass(frozen=True)
class _Words:
    """Encoded prompts: features (k, T, D) and which of the T tokens are words, (k, T)."""

    features: torch.Tensor
    is_word: torch.Tensor

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice) -> "_Words":
        return _Words(self.features[rows], self.is_word[rows])


class Sam3Segmenter:
    """A `Segmenter` that detects concepts by their prompts, in one photo or in a batch.

    `version` identifies the weights, so that cached masks of other weights are not used.
    """

    name = "sam3"

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        version: str,
        least_score: float = AUTOMATIC_CONFIDENCE,
        photos_at_once: int = 4,
        prompts_at_once: int = 8,
    ) -> None:
        """Take a `Sam3Model` and the tokenizer that belongs to it.

        Masks with a score below `least_score` (0–1) are left out. Batches are halved on
        out-of-memory errors.
        """
        self.version = version
        self.least_score = least_score
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._photos_at_once = photos_at_once
        self._prompts_at_once = prompts_at_once

    @classmethod
    def load(
        cls,
        source: str = SOURCE,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        allow_download: bool = False,
        least_score: float = AUTOMATIC_CONFIDENCE,
    ) -> "Sam3Segmenter":
        """Load a checkpoint: a folder in transformers' layout, or a name on the hub.

        The hub is used only with `allow_download`, with the operator's credentials; otherwise only
        its local cache is read.

        Raises ModelMissing if weights are missing, incomplete, of another model or only in a
        pickle.
        """
        device = device or pick_device()
        folder = _find_folder(source, allow_download=allow_download)
        tokenizer, model = _read(folder, source)
        model.to(device=device, dtype=dtype or pick_dtype(device))
        version = _weights_sha256(folder)[:_VERSION_DIGITS]
        return cls(model, tokenizer, version=version, least_score=least_score)

    def segment(self, photo: Image.Image, concepts: Sequence[Concept]) -> list[Instance]:
        """All instances of all concepts in one photo, by concept, the largest first.

        Raises InvalidConcept for a prompt without words or with too many.
        """
        return self.segment_batch([photo], concepts)[0]

    def segment_batch(
        self, photos: Sequence[Image.Image], concepts: Sequence[Concept]
    ) -> list[list[Instance]]:
        """The instances of each photo; prompts are encoded once for all photos.

        Raises InvalidConcept for a prompt without words or with too many.
        """
        predictions = self.predict(photos, concepts)
        return [
            resolve_overlaps(concepts, [one.candidates for one in of_photo], photo.size)
            for photo, of_photo in zip(photos, predictions, strict=True)
        ]

    @torch.no_grad()
    def predict(
        self, photos: Sequence[Image.Image], concepts: Sequence[Concept]
    ) -> list[list[Prediction]]:
        """The network's predictions of each concept for each photo.

        Raises InvalidConcept as `segment`; GpuOutOfMemory if one prompt on one photo does not fit
        into memory.
        """
        if not concepts:
            return [[] for _ in photos]
        words = self._read_prompts(concepts)
        predictions = []
        for start in range(0, len(photos), self._photos_at_once):
            predictions += self._predict_batch(photos[start : start + self._photos_at_once], words)
        return predictions

    # ── photos and prompts, encoded ──────────────────────────────────────────────────────────────

    def _read_prompts(self, concepts: Sequence[Concept]) -> _Words:
        longest = int(self._model.text_encoder.config.max_position_embeddings)
        for concept in concepts:
            if not concept.prompt.strip():
                raise InvalidConcept(concept.name, "prompt", "must say what to look for")
            count = len(self._tokenizer(concept.prompt, verbose=False).input_ids)
            if count > longest:
                raise InvalidConcept(
                    concept.name, "prompt", f"must have at most {longest} tokens, not {count}"
                )
        tokens = self._tokenizer(
            [concept.prompt for concept in concepts],
            padding="max_length",
            max_length=longest,
            return_tensors="pt",
        ).to(self._model.device)
        output = self._model.get_text_features(
            input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
        )
        return _Words(output.pooler_output, tokens.attention_mask)

    def _pixels(self, photos: Sequence[Image.Image]) -> torch.Tensor:
        """Photos as input of the network, [B, 3, S, S], resized to a square."""
        size = self._model.config.vision_config.image_size
        height, width = (size, size) if isinstance(size, int) else size
        levels = np.stack(
            [
                np.asarray(
                    photo.convert("RGB").resize((width, height), Image.Resampling.BILINEAR),
                    np.float32,
                )
                for photo in photos
            ]
        )
        values = torch.from_numpy((levels - _MEAN) / _DEVIATION).permute(0, 3, 1, 2)
        return values.to(self._model.device, self._model.dtype)

    # ── every prompt on every photo ──────────────────────────────────────────────────────────────

    def _predict_batch(
        self, photos: Sequence[Image.Image], words: _Words
    ) -> list[list[Prediction]]:
        """Encode photos as a batch; halve it on out-of-memory errors."""
        vision = catch_out_of_memory(
            lambda: self._model.get_vision_features(self._pixels(photos)), self._model.device
        )
        if vision is None:
            if len(photos) == 1:
                raise GpuOutOfMemory("one photo does not fit into memory")
            half = len(photos) // 2
            first = self._predict_batch(photos[:half], words)
            return first + self._predict_batch(photos[half:], words)
        step = self._prompts_at_once
        return [
            [
                prediction
                for start in range(0, len(words), step)
                for prediction in self._find(vision, index, words[start : start + step])
            ]
            for index in range(len(photos))
        ]

    def _find(self, vision: Any, index: int, words: _Words) -> list[Prediction]:
        """All prompts on one encoded photo; the batch is halved on out-of-memory errors."""
        predictions = catch_out_of_memory(
            lambda: self._find_at_once(vision, index, words), self._model.device
        )
        if predictions is not None:
            return predictions
        if len(words) == 1:
            raise GpuOutOfMemory("one prompt on one photo does not fit into memory")
        half = len(words) // 2
        return self._find(vision, index, words[:half]) + self._find(vision, index, words[half:])

    def _find_at_once(self, vision: Any, index: int, words: _Words) -> list[Prediction]:
        count = len(words)

        def repeated(levels: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
            # The network needs equal batch sizes of photos and prompts.
            return tuple(level[index : index + 1].expand(count, -1, -1, -1) for level in levels)

        output = self._model(
            vision_embeds=Sam3VisionEncoderOutput(
                fpn_hidden_states=repeated(vision.fpn_hidden_states),
                fpn_position_encoding=repeated(vision.fpn_position_encoding),
            ),
            text_embeds=BaseModelOutputWithPooling(pooler_output=words.features),
            attention_mask=words.is_word,
        )
        presence = output.presence_logits.float().sigmoid()
        scores = output.pred_logits.float().sigmoid() * presence
        predictions = []
        for prompt_scores, masks in zip(scores, output.pred_masks, strict=True):
            retained = torch.nonzero(prompt_scores >= self.least_score).flatten()
            soft = masks[retained].float().sigmoid()
            predictions.append(
                Prediction(prompt_scores[retained].cpu().numpy(), soft.cpu().numpy())
            )
        return predictions


# ── the checkpoint ───────────────────────────────────────────────────────────────────────────────


def _find_folder(source: str, *, allow_download: bool) -> Path:
    folder = Path(source)
    if folder.is_dir():
        return folder
    if folder.is_absolute() or source.startswith("."):
        raise ModelMissing(f"no folder with SAM3 at {source}")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                source,
                local_files_only=not allow_download,
                allow_patterns=["*.safetensors", "*.json", "*.txt"],
            )
        )
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelMissing(f"SAM3 from {source} is not on this machine: {error}") from error


def _read(folder: Path, source: str) -> tuple[Any, Any]:
    """The tokenizer and the model of a folder."""
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError) as error:
        raise ModelMissing(f"SAM3 from {source} has no readable config.json: {error}") from error
    if kind not in _MODEL_TYPES:  # checked first: transformers would build it
        raise ModelMissing(f"{source} is no SAM3 but {kind}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model, loading = Sam3Model.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except Exception as error:
        # transformers raises many types for damaged files: OSError, ValueError, KeyError.
        raise ModelMissing(f"SAM3 from {source} cannot be read: {error}") from error
    missing = sorted(loading["missing_keys"])
    if missing:  # transformers would initialise them at random
        raise ModelMissing(
            f"SAM3 from {source} lacks {len(missing)} weights, for example {missing[0]}"
        )
    return tokenizer, model


def _weights_sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as stream:
            while block := stream.read(_HASH_BLOCK):
                digest.update(block)
    return digest.hexdigest()
