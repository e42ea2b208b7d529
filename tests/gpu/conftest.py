"""A base model of a few thousand random weights: the real pipeline, in milliseconds."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from gpu.base_models.model import BaseModel
from gpu.base_models.registry import load_base_model
from gpu.training.trainer import TrainedStyle, TrainingConfig, TrainingWork, train

WORDS = ("<pad>", "<unk>", ",", "style", "tree", "house", "sea", "red", "boat", "moon")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    # Tiny tensors gain nothing from threads, and lose everything when cores are shared.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_tiny_base(folder: Path, *, seed: int = 0) -> Path:
    """Write random components in diffusers layout: 32x32 pixels, latents 4x16x16."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        UNet2DConditionModel(
            sample_size=16,
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
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
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
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder / "tokenizer")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return folder


@pytest.fixture(scope="session")
def tiny_base_folder(tmp_path_factory) -> Path:
    return write_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def tiny_base(tiny_base_folder) -> BaseModel:
    return load_base_model(str(tiny_base_folder))


def write_picture(path: Path, *, width: int = 40, height: int = 40, seed: int = 0) -> Path:
    """A picture of soft coloured noise."""
    levels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="session")
def works(tmp_path_factory) -> tuple[TrainingWork, ...]:
    folder = tmp_path_factory.mktemp("works")
    tags = [("tree", "red"), ("house", "sea"), ("boat",), ("moon", "tree"), ("sea", "boat")]
    return tuple(
        TrainingWork(write_picture(folder / f"{index}.png", seed=index), tags[index % 5])
        for index in range(10)
    )


@pytest.fixture
def make_config(tiny_base_folder, works, tmp_path):
    def make(**changes) -> TrainingConfig:
        settings = {
            "base_model": str(tiny_base_folder),
            "works": works,
            "trigger": "style",
            "output_dir": tmp_path / "output",
            "seed": 7,
            "steps": 6,
            "batch_size": 2,
            "rank": 2,
            "checkpoint_every_steps": 3,
            "metadata": {"style_id": "42", "license": "test terms"},
        }
        return TrainingConfig(**(settings | changes))

    return make


@pytest.fixture(scope="session")
def trained_style(tiny_base_folder, works, tmp_path_factory) -> TrainedStyle:
    config = TrainingConfig(
        base_model=str(tiny_base_folder),
        works=works,
        trigger="style",
        output_dir=tmp_path_factory.mktemp("style"),
        seed=1,
        steps=4,
        batch_size=2,
        rank=2,
        learning_rate=5e-3,
    )
    style = train(config, on_progress=lambda _: None, should_stop=lambda: False)
    assert isinstance(style, TrainedStyle)
    return style
