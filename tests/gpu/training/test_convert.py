import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file

from gpu.base_models.lora import target_modules
from gpu.training.convert import write_kohya
from gpu.training.trainer import train


def test_a_converted_style_is_the_same_style_in_kohyas_names(make_config, tiny_base, tmp_path):
    style = train(
        make_config(alpha=1.0, rank=2), on_progress=lambda _: None, should_stop=lambda: False
    )
    out = tmp_path / "kohya.safetensors"
    write_kohya(style.adapter_path, out)

    ours, theirs = load_file(style.adapter_path), load_file(out)
    for layer in target_modules(tiny_base.unet):
        name = f"lora_unet_{layer.replace('.', '_')}"
        assert torch.equal(theirs[f"{name}.lora_down.weight"], ours[f"unet.{layer}.lora_A.weight"])
        assert torch.equal(theirs[f"{name}.lora_up.weight"], ours[f"unet.{layer}.lora_B.weight"])
        assert float(theirs[f"{name}.alpha"]) == 1.0
    assert len(theirs) == 3 * len(target_modules(tiny_base.unet))
    with safe_open(out, framework="pt") as opened:
        assert opened.metadata()["trigger"] == "style"


def test_diffusers_reads_a_converted_style_too(trained_style, tmp_path):
    out = tmp_path / "kohya.safetensors"
    write_kohya(trained_style.adapter_path, out)
    state, alphas = StableDiffusionPipeline.lora_state_dict(tmp_path, weight_name=out.name)
    assert state
    assert set(alphas.values()) == {2.0}
