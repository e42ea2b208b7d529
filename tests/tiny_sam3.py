"""A SAM3 of a quarter of a million random weights, with a tokenizer of whole words."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, Sam3Config, Sam3Model

WORDS = ("<pad>", "<unk>", "<begin>", "<end>", "wall", "floor", "window", "wooden", "door")
TOKENS, SIDE, WIDTH = 32, 224, 32
_SMALL = {"hidden_size": WIDTH, "num_attention_heads": 2}
_LAYER = {**_SMALL, "intermediate_size": 64, "num_layers": 1}


def tiny_config() -> Sam3Config:
    return Sam3Config(
        vision_config={
            "backbone_config": {
                **_SMALL,
                "model_type": "sam3_vit_model",
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "image_size": SIDE,
                "patch_size": 14,
                "window_size": 8,
                "global_attn_indexes": [1],
                "pretrain_image_size": 112,
            },
            "fpn_hidden_size": WIDTH,
            "backbone_feature_sizes": [[64, 64], [32, 32], [16, 16]],
        },
        text_config={
            **_SMALL,
            "vocab_size": len(WORDS),
            "intermediate_size": 64,
            "projection_dim": WIDTH,
            "num_hidden_layers": 1,
            "max_position_embeddings": TOKENS,
            "pad_token_id": 0,
            "bos_token_id": 2,
            "eos_token_id": 3,
        },
        geometry_encoder_config=_LAYER,
        detr_encoder_config=_LAYER,
        detr_decoder_config={**_LAYER, "num_queries": 10},
        mask_decoder_config={**_SMALL, "num_upsampling_stages": 2},
    )


def random_sam3(config: Sam3Config, *, seed: int = 0) -> Sam3Model:
    """Random weights, so large that the masks and scores of two prompts differ."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Sam3Model(config)
        for weights in model.parameters():
            if weights.ndim > 1:
                torch.nn.init.normal_(weights, std=0.7 * weights[0].numel() ** -0.5)
    return model.eval()


def word_tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="<begin> $A <end>", special_tokens=[("<begin>", 2), ("<end>", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<begin>",
        eos_token="<end>",
        model_max_length=TOKENS,
    )


def write_tiny_sam3(folder: Path) -> Path:
    random_sam3(tiny_config()).save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    return folder
