import dataclasses
import shutil

import pytest
import torch
from PIL import Image

from gpu.base_models.lora import RowAdapter, apply_adapters, assert_no_adapters, init_adapter
from gpu.base_models.registry import REGISTRY, load_base_model
from gpu.errors import ModelMissing
from gpu.rendering.pixels import to_tensor
from tests.gpu.conftest import write_tiny_base


def test_the_registry_knows_the_three_named_bases():
    assert {"built-in", "sd15", "sdxl"} <= REGISTRY.keys()
    assert all(spec.name == name for name, spec in REGISTRY.items())


def test_a_base_model_is_read_once_per_process(tiny_base, tiny_base_folder):
    assert load_base_model(str(tiny_base_folder)) is tiny_base


def test_a_base_model_of_small_layers_is_computed_by_one_thread(tiny_base_folder, monkeypatch):
    small = dataclasses.replace(
        REGISTRY["built-in"], name="small", source=str(tiny_base_folder), native_side=0
    )
    monkeypatch.setitem(REGISTRY, "small", small)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch.set_num_threads(2)
    load_base_model("small")
    assert torch.get_num_threads() == 1


def test_a_missing_folder_is_a_missing_model(tmp_path):
    with pytest.raises(ModelMissing, match="no base model folder"):
        load_base_model(str(tmp_path / "nowhere"))


def test_a_hub_id_is_not_downloaded_by_default(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelMissing, match="not on this machine"):
        load_base_model("nobody/no-such-base-model")


def test_pickled_weights_are_refused(tiny_base_folder, tmp_path):
    folder = shutil.copytree(tiny_base_folder, tmp_path / "pickled")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save({}, folder / "unet" / "diffusion_pytorch_model.bin")

    with pytest.raises(ModelMissing, match="pickle is refused"):
        load_base_model(str(folder))


def test_damaged_weights_are_a_missing_model(tiny_base_folder, tmp_path):
    folder = shutil.copytree(tiny_base_folder, tmp_path / "damaged")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"not weights")

    with pytest.raises(ModelMissing, match="cannot be read"):
        load_base_model(str(folder))


def test_the_hash_follows_the_weights_and_not_the_folder(tiny_base, tiny_base_folder, tmp_path):
    copy = load_base_model(str(shutil.copytree(tiny_base_folder, tmp_path / "copy")))
    other = load_base_model(str(write_tiny_base(tmp_path / "other", seed=1)))

    assert copy.sha256 == tiny_base.sha256
    assert other.sha256 != tiny_base.sha256


def test_prompts_images_and_latents_have_the_promised_shapes(tiny_base):
    assert tiny_base.encode_prompts(["tree, red", ""]).hidden.shape == (2, 12, 16)
    latents = tiny_base.encode_images(torch.zeros(3, 3, 32, 64))
    assert latents.shape == (3, 4, 16, 32)
    decoded = tiny_base.decode_latents(latents)
    assert decoded.shape == (3, 3, 32, 64)
    assert decoded.abs().max() <= 1.0


def test_a_loaded_base_cannot_be_trained_by_accident(tiny_base):
    for part in (tiny_base.unet, tiny_base.text.encoders[0].model, tiny_base.vae):
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())


def test_pixels_survive_the_way_to_tensors(artworks):
    with Image.open(artworks[0].path) as opened:
        picture = opened.convert("RGB")
    tensor = to_tensor([picture])
    assert tensor.shape == (1, 3, 40, 40)
    assert tensor.min() >= -1.0
    assert tensor.max() <= 1.0


@torch.no_grad()
def test_a_copy_for_another_thread_shares_weights_but_not_adapters(tiny_base):
    other = tiny_base.copy_for_thread()
    theirs = dict(other.unet.named_parameters())
    assert all(value is theirs[name] for name, value in tiny_base.unet.named_parameters())
    tensors = init_adapter(tiny_base.unet, rank=2, seed=1, device=tiny_base.device)
    with apply_adapters(tiny_base.unet, [RowAdapter(tensors, 1.0)]):
        assert_no_adapters(other.unet)
    assert torch.equal(
        other.encode_prompts(["red tree"]).hidden, tiny_base.encode_prompts(["red tree"]).hidden
    )
