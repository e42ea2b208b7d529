"""The shortcut UNet: nothing new when fresh, its input straight through when it has learned so."""

import json

import pytest
import torch
from diffusers import UNet2DConditionModel

from gpu.base_models.model import read_base_model
from gpu.base_models.registry import REGISTRY
from gpu.base_models.shortcut_unet import ShortcutUNet
from gpu.errors import ModelMissing
from tests.tiny_model import write_tiny_model

TINY = {
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 1,
    "block_out_channels": (8, 16),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": 12,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}


@pytest.fixture
def unet():
    torch.manual_seed(3)
    return ShortcutUNet(**TINY).eval()


def ask(network, noisy, times):
    with torch.no_grad():
        return network(noisy, times, encoder_hidden_states=torch.ones(len(noisy), 5, 12)).sample


def test_a_fresh_one_answers_what_the_plain_network_does(unet):
    plain = UNet2DConditionModel(**TINY).eval()
    weights = unet.state_dict()
    plain.load_state_dict(
        {name: value for name, value in weights.items() if not name.startswith("shortcut.")}
    )
    noisy, times = torch.randn(2, 4, 8, 8), torch.tensor([7, 900])

    assert torch.equal(ask(unet, noisy, times), ask(plain, noisy, times))


def test_it_can_keep_one_channel_of_its_input_as_it_is(unet):
    noisy = torch.randn(2, 4, 8, 8)
    before = ask(unet, noisy, torch.tensor(7))
    width = unet.shortcut.in_features
    with torch.no_grad():
        unet.shortcut.bias[2] = width**0.5  # keep all of channel 2
        unet.shortcut.bias[4 + 2] = -(width**0.5)  # and add nothing to it

    after = ask(unet, noisy, torch.tensor(7))

    assert torch.allclose(after[:, 2], noisy[:, 2], atol=1e-6)
    assert torch.equal(after[:, [0, 1, 3]], before[:, [0, 1, 3]])


def test_what_it_keeps_depends_on_the_time_of_each_row(unet):
    with torch.no_grad():
        unet.shortcut.weight.normal_()
    noisy = torch.randn(1, 4, 8, 8)

    both = ask(unet, noisy.expand(2, -1, -1, -1), torch.tensor([7, 900]))

    assert torch.allclose(both[:1], ask(unet, noisy, torch.tensor([7])), atol=1e-5)
    assert torch.allclose(both[1:], ask(unet, noisy, torch.tensor([900])), atol=1e-5)
    assert not torch.allclose(both[0], both[1], atol=1e-2)


@pytest.mark.parametrize("depth", [0, 2])
def test_it_is_read_back_from_a_folder_as_it_was_written(depth, tmp_path):
    unet = ShortcutUNet(**TINY, detail_width=16, detail_depth=depth).eval()
    with torch.no_grad():
        unet.shortcut.bias.normal_()
    write_tiny_model(tmp_path / "model")
    unet.save_pretrained(tmp_path / "model" / "unet")
    noisy = torch.randn(1, 4, 8, 8)

    base = read_base_model(
        REGISTRY["sd15"], tmp_path / "model", device=torch.device("cpu"), dtype=torch.float32
    )

    assert isinstance(base.unet, ShortcutUNet)
    written, read = unet.state_dict(), base.unet.state_dict()
    assert written.keys() == read.keys()
    assert all(torch.equal(read[name], value) for name, value in written.items())
    # The memory format of the one that was read is another, so sums have another order.
    assert torch.allclose(ask(base.unet, noisy, 7), ask(unet, noisy, 7), atol=1e-5)


@pytest.mark.parametrize("component", ["unet", "vae"])
def test_a_network_of_an_unknown_class_is_refused_by_its_name(tmp_path, component):
    write_tiny_model(tmp_path / "model")
    config = tmp_path / "model" / component / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"_class_name": "Mystery"}))

    with pytest.raises(ModelMissing, match=f"unsupported {component} Mystery"):
        read_base_model(
            REGISTRY["sd15"], tmp_path / "model", device=torch.device("cpu"), dtype=torch.float32
        )
