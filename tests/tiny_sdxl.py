"""A base model of SDXL's classes and wiring with a few thousand random weights, from configs."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.tiny_model import WORDS, write_tokenizer

TOKENS, WIDTHS = 12, (8, 16)


def write_tiny_sdxl(folder: Path) -> Path:
    """Write random components in diffusers layout: 32x32 pixels, latents 4x16x16."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        UNet2DConditionModel(
            sample_size=16,
            block_out_channels=WIDTHS,
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=sum(WIDTHS),
            transformer_layers_per_block=(1, 2),
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            norm_num_groups=4,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=16 + 6 * 8,
        ).save_pretrained(folder / "unet")
        AutoencoderKL(
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            scaling_factor=0.5,
            force_upcast=True,
        ).save_pretrained(folder / "vae")
        CLIPTextModel(_text(width=WIDTHS[0])).save_pretrained(folder / "text_encoder")
        CLIPTextModelWithProjection(_text(width=WIDTHS[1])).save_pretrained(
            folder / "text_encoder_2"
        )
    EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1
    ).save_pretrained(folder / "scheduler")
    for name in ("tokenizer", "tokenizer_2"):
        write_tokenizer(folder / name)
    index = {"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": True}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _text(*, width: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(WORDS),
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        projection_dim=16,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
    )
