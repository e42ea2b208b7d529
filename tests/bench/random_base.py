"""Base models of real sizes with random weights: the same arithmetic, nothing to download.

What they draw is noise, but never blank: the decoder's last layer is scaled so that its pictures
have contrast, because a renderer refuses a blank one.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from gpu.pretrain.model import make_tokenizer

FOLDER = Path("var/bench")
TOKENS = 77
CONTRAST = 0.4  # deviation of decoded pictures, whose levels are in [-1, 1]
# Stable Diffusion 1.5 by its published configurations, and one of the same shape for a CPU.
SIZES: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "random-sd15": {
        "unet": {
            "sample_size": 64,
            "block_out_channels": (320, 640, 1280, 1280),
            "layers_per_block": 2,
            "cross_attention_dim": 768,
            "attention_head_dim": 8,
        },
        "vae": {
            "block_out_channels": (128, 256, 512, 512),
            "layers_per_block": 2,
            "sample_size": 512,
        },
        "text": {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "projection_dim": 768,
        },
    },
    "random-tiny": {
        "unet": {
            "sample_size": 8,
            "block_out_channels": (8, 16, 16, 16),
            "layers_per_block": 1,
            "cross_attention_dim": 16,
            "attention_head_dim": 2,
            "norm_num_groups": 4,
        },
        "vae": {
            "block_out_channels": (4, 8, 8, 8),
            "layers_per_block": 1,
            "sample_size": 64,
            "norm_num_groups": 4,
        },
        "text": {
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "projection_dim": 16,
        },
    },
}


def random_base(name: str, device: torch.device) -> Path:
    """The folder of a base model of `SIZES`, in diffusers layout; made at the first call."""
    folder = FOLDER / name
    if not (folder / "model_index.json").exists():
        write_random_base(folder, SIZES[name], device)
    return folder


@torch.no_grad()
def write_random_base(
    folder: Path, sizes: Mapping[str, dict[str, Any]], device: torch.device
) -> None:
    """Draw weights on a device, which is much faster on a GPU, and write them in half precision."""
    levels = len(sizes["vae"]["block_out_channels"])
    with torch.random.fork_rng(), device:
        torch.manual_seed(0)
        unet = UNet2DConditionModel(in_channels=4, out_channels=4, **sizes["unet"])
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            latent_channels=4,
            scaling_factor=0.18215,
            **sizes["vae"],
        )
        text = CLIPTextModel(
            CLIPTextConfig(vocab_size=49408, max_position_embeddings=TOKENS, **sizes["text"])
        )
        spread = vae.decode(torch.randn(1, 4, 8, 8)).sample.std()
        vae.decoder.conv_out.weight.mul_(CONTRAST / spread)
        vae.decoder.conv_out.bias.zero_()
    for component, network in (("unet", unet), ("vae", vae), ("text_encoder", text)):
        network.half().save_pretrained(folder / component)
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = TOKENS
    tokenizer.save_pretrained(str(folder / "tokenizer"))
    DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    # last, so that a folder that has it is whole
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
