"""A style file in the tools that its users know: PEFT and diffusers give the same output."""

import copy
import json
from itertools import pairwise

import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, PeftModel

from gpu.base_models.lora import RowAdapter, apply_adapters, target_modules
from gpu.base_models.lora_config import lora_config, read_lora_config, write_lora_config
from gpu.errors import AdapterMismatch
from gpu.rendering.adapters import read_adapter
from gpu.training.convert import write_peft
from gpu.training.recipe import decide_recipe
from gpu.training.style_file import write_style
from tests.gpu.rendering.conftest import header_of

ROWS = 3


@pytest.fixture(scope="module")
def styles(trained_style, tiny_base, tmp_path_factory):
    """Two style files with random weights, alpha twice the rank."""
    folder, styles = tmp_path_factory.mktemp("styles"), []
    metadata = {**header_of(trained_style.adapter_path), "alpha": "4.0"}
    adapter = read_adapter(trained_style.adapter_path, trained_style.adapter_sha256, tiny_base)
    for seed in (1, 2):
        generator = torch.Generator().manual_seed(seed)
        weights = {
            name: torch.nn.Parameter(0.1 * torch.randn(value.shape, generator=generator))
            for name, value in adapter.tensors.items()
        }
        path = folder / f"{seed}.safetensors"
        styles.append((path, write_style(path, weights, metadata)))
    return styles


@pytest.fixture
def inputs(tiny_base):
    generator = torch.Generator().manual_seed(0)
    text = torch.randn(ROWS, 12, 16, generator=generator)
    noisy = torch.randn(ROWS, 4, 16, 16, generator=generator)
    return {
        "sample": noisy,
        "timestep": torch.tensor([10, 300, 990]),
        "encoder_hidden_states": text,
    }


@pytest.fixture
def unet(tiny_base):
    return copy.deepcopy(tiny_base.unet)


@pytest.fixture
def ours(tiny_base, styles, inputs):
    """The output of each style for all rows, and without a style last."""
    with torch.no_grad():
        outputs = []
        for path, sha256 in styles:
            adapter = read_adapter(path, sha256, tiny_base)
            with apply_adapters(
                tiny_base.unet, [RowAdapter(adapter.tensors, adapter.scaling)] * ROWS
            ):
                outputs.append(tiny_base.unet(**inputs).sample)
        outputs.append(tiny_base.unet(**inputs).sample)
    for one, other in pairwise(outputs):
        assert (one - other).abs().max() > 1e-2
    return outputs


@torch.no_grad()
def test_peft_gives_the_same_output_for_each_style_and_for_a_mixed_batch(
    unet, styles, inputs, ours, tmp_path
):
    for name, (path, _) in zip(("first", "second"), styles, strict=True):
        write_peft(path, tmp_path / name)
    model = PeftModel.from_pretrained(unet, tmp_path / "first", adapter_name="first").eval()
    assert torch.allclose(model(**inputs).sample, ours[0], atol=1e-5)
    load_result = model.load_adapter(tmp_path / "second", "second")
    assert not load_result.unexpected_keys
    model.set_adapter("second")
    assert torch.allclose(model(**inputs).sample, ours[1], atol=1e-5)
    mixed = model(**inputs, adapter_names=["first", "second", "__base__"]).sample
    for row, output in enumerate(ours):
        assert torch.allclose(mixed[row], output[row], atol=1e-5)


@torch.no_grad()
def test_diffusers_gives_the_same_output_from_the_unchanged_file(
    unet, styles, inputs, ours, tiny_base
):
    (encoder,) = tiny_base.text.encoders
    pipeline = StableDiffusionPipeline(
        vae=tiny_base.vae,
        text_encoder=encoder.model,
        tokenizer=encoder.tokenizer,
        unet=unet,
        scheduler=tiny_base.make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    for (path, _), output in zip(styles, ours, strict=False):
        pipeline.load_lora_weights(path.parent, weight_name=path.name, adapter_name="style")
        assert torch.allclose(unet(**inputs).sample, output, atol=1e-5)
        pipeline.delete_adapters("style")
    assert torch.equal(unet(**inputs).sample, ours[-1])


def test_the_adapter_config_describes_the_training(trained_style, tiny_base, tmp_path):
    write_peft(trained_style.adapter_path, tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 2, 2.0)
    assert set(config["target_modules"]) == set(target_modules(tiny_base.unet))
    assert config["base_model_name_or_path"] == tiny_base.spec.name


def test_a_recipe_turns_into_a_config_and_back(make_config, tiny_base):
    recipe = decide_recipe(make_config(rank=3, alpha=6.0), tiny_base.spec)
    config = recipe.lora_config(target_modules(tiny_base.unet))
    metadata = write_lora_config(config)
    assert read_lora_config(metadata).to_dict() == config.to_dict()
    other = decide_recipe(make_config(rank=8), tiny_base.spec)
    assert other.with_lora_config(read_lora_config(metadata)) == recipe


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"unet.r": 0}, "rank 0"),
        ({"unet.r": 257}, "rank 257"),
        ({"unet.lora_alpha": float("inf")}, "alpha is inf"),
        ({"unet.use_dora": True}, "use_dora is not supported"),
        ({"unet.target_modules": None}, "no readable LoRA config"),
        ({"unet.r": "many"}, "no readable LoRA config"),
    ],
)
def test_a_config_that_the_renderer_cannot_apply_is_refused(fields, message):
    ((key, packed),) = write_lora_config(lora_config(["conv_in"], rank=2, alpha=2.0)).items()
    with pytest.raises(AdapterMismatch, match=message):
        read_lora_config({key: json.dumps(json.loads(packed) | fields)})


def test_a_style_file_without_a_config_is_refused():
    with pytest.raises(AdapterMismatch, match="no readable LoRA config"):
        read_lora_config({"format": "pt"})


def test_a_config_is_a_peft_config():
    assert isinstance(lora_config(["conv_in"], rank=2, alpha=2.0), LoraConfig)
