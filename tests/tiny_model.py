"""A base model of a few thousand random weights that draws 512 pixels a side in milliseconds."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

WORDS = ("<pad>", "<unk>", ",", "style", "boat", "sea", "tree", "house", "red", "moon")
COARSE = (4,) * 5  # widths of the autoencoder's levels: 16 pixels a side per latent


def write_tiny_model(
    folder: Path, *, cells: int = 4, widths: tuple[int, ...] = COARSE, seed: int = 0
) -> Path:
    """Write random components in diffusers layout, native latents of 4 channels, `cells` a side.

    As it is: trains on 64x64 pixels, latents 4x4x4.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _write_networks(folder, cells, widths)
    DDIMScheduler(
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        steps_offset=1,
        clip_sample=False,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
    ).save_pretrained(folder / "scheduler")
    write_tokenizer(folder / "tokenizer")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return folder


def write_tokenizer(folder: Path) -> None:
    """A tokenizer of whole words."""
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", model_max_length=12
    ).save_pretrained(folder)


def _write_networks(folder: Path, cells: int, widths: tuple[int, ...]) -> None:
    UNet2DConditionModel(
        sample_size=cells,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=0.5,
    ).save_pretrained(folder / "vae")
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(WORDS),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=12,
            pad_token_id=0,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).save_pretrained(folder / "text_encoder")
