"""Create the built-in model's components and write its folder in diffusers layout."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from gpu.base_models.detail_head import SCHEDULE
from gpu.base_models.patch_codec import PatchCodec
from gpu.base_models.shortcut_unet import ShortcutUNet
from gpu.pretrain.open_choices import open_choices
from gpu.pretrain.vocabulary import (
    END,
    LITTLE_WORDS,
    MAX_TOKENS,
    PAD,
    START,
    SYNONYMS,
    TOKENS,
    UNKNOWN,
)

NATIVE_CELLS = 16  # latents of a 512-pixel side
NOISE: dict[str, Any] = {
    **SCHEDULE,
    # predict clean latents: noise fills all channels of a latent, more than these widths can
    # represent, and the part that they cannot represent remains in the picture (arXiv 2511.13720)
    "prediction_type": "sample",
    "timestep_spacing": "trailing",
}


@dataclass(frozen=True)
class Shape:
    """Widths of the networks; the default is the shipped model."""

    widths: tuple[int, ...] = (128, 128, 192)
    text_width: int = 128
    time_width: int = 256
    latent_channels: int = 192
    groups: int = 16
    detail_width: int = 256
    detail_depth: int = 6


@dataclass(frozen=True)
class Networks:
    """The two trained networks."""

    unet: ShortcutUNet
    text_encoder: CLIPTextModel


def make_networks(shape: Shape, *, seed: int) -> Networks:
    """Networks with random weights; the same shape and seed give the same weights."""
    torch.manual_seed(seed)
    deeper = len(shape.widths) - 1
    unet = ShortcutUNet(
        sample_size=NATIVE_CELLS,
        in_channels=shape.latent_channels,
        out_channels=shape.latent_channels,
        layers_per_block=1,
        block_out_channels=shape.widths,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * deeper),
        up_block_types=(*["CrossAttnUpBlock2D"] * deeper, "UpBlock2D"),
        cross_attention_dim=shape.text_width,
        time_embedding_dim=shape.time_width,
        attention_head_dim=8,
        norm_num_groups=shape.groups,
        # a pooled caption embedding is added to the time embedding of every layer: small networks
        # learn to follow text in far fewer steps
        addition_embed_type="text",
        resnet_time_scale_shift="scale_shift",
        detail_width=shape.detail_width,
        detail_depth=shape.detail_depth,
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(TOKENS),
            hidden_size=shape.text_width,
            intermediate_size=4 * shape.text_width,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            projection_dim=shape.text_width,
            bos_token_id=TOKENS.index(START),
            eos_token_id=TOKENS.index(END),
            pad_token_id=TOKENS.index(PAD),
        )
    )
    return Networks(unet, text_encoder)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer: lower case, no stop words, synonyms and plurals replaced."""
    tokenizer = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(TOKENS)}, unk_token=UNKNOWN)
    )
    little = "|".join(LITTLE_WORDS)
    replacements = [normalizers.Replace(Regex(rf"(?<![\w<-])({little})(?![\w>-])"), " ")]
    replacements += [
        normalizers.Replace(Regex(rf"(?<![\w<-]){word}(?![\w>-])"), ours)
        for word, ours in SYNONYMS.items()
    ]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *replacements])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s,;:.!?()\"']+"), "removed")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(START, TOKENS.index(START)), (END, TOKENS.index(END))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=START,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=MAX_TOKENS,
    )


def sampling_scheduler() -> DPMSolverMultistepScheduler:
    """The scheduler that the model is shipped with.

    It adds fresh noise at each step, which corrects errors of earlier steps; without it, the noise
    that the network leaves at edges stays in the picture.
    """
    return DPMSolverMultistepScheduler.from_config(
        DDPMScheduler(**NOISE).config, solver_order=1, algorithm_type="sde-dpmsolver++"
    )


def tokenize(tokenizer: PreTrainedTokenizerFast, captions: list[str]) -> torch.Tensor:
    """Token ids [B, MAX_TOKENS], padded and cut."""
    encoded = tokenizer(captions, padding="max_length", truncation=True, max_length=MAX_TOKENS)
    return torch.tensor(encoded["input_ids"])


def save_model(folder: Path, networks: Networks, codec: PatchCodec) -> None:
    """Write the whole model in diffusers layout, fp16 safetensors, ready to be loaded."""
    networks.unet.half().save_pretrained(folder / "unet")
    networks.text_encoder.half().save_pretrained(folder / "text_encoder")
    codec.half().save_pretrained(folder / "vae")
    make_tokenizer().save_pretrained(str(folder / "tokenizer"))
    sampling_scheduler().save_pretrained(folder / "scheduler")
    open_choices().write(folder)
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
        "unet": ["gpu.base_models.shortcut_unet", "ShortcutUNet"],
        "vae": ["gpu.base_models.patch_codec", "PatchCodec"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
