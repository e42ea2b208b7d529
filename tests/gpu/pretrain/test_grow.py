"""A widened network has the same outputs, and copies of a channel have different weights."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from gpu.pretrain.fit_codec import fit_codec
from gpu.pretrain.grow import grow
from gpu.pretrain.model import make_networks
from gpu.pretrain.vocabulary import TOKENS


@pytest.fixture(scope="module")
def codec():
    return fit_codec(images=4, channels=8, side=64, patch=16)


@pytest.fixture(scope="module")
def old(tiny_shape):
    networks = make_networks(tiny_shape, seed=1)
    with torch.no_grad():  # the shortcut of a new network is zero
        source = torch.Generator().manual_seed(2)
        networks.unet.shortcut.weight.normal_(generator=source)
        networks.unet.detail.conv_out.weight.normal_(std=0.1, generator=source)
    return networks


def output(networks):
    source = torch.Generator().manual_seed(3)
    noisy = torch.randn(2, 8, 4, 4, generator=source)
    tokens = torch.tensor([[1, TOKENS.index("house"), 2, 0], [1, TOKENS.index("sea"), 2, 0]])
    with torch.no_grad():
        text = networks.text_encoder.eval()(tokens)[0]
        times = torch.tensor([30, 700])
        return networks.unet.eval()(noisy, times, encoder_hidden_states=text).sample


@pytest.mark.parametrize("widths", [(16, 32), (32, 64), (48, 96)])
def test_a_wider_network_on_the_same_codec_has_the_same_output(widths, codec, old, tiny_shape):
    wider = make_networks(replace(tiny_shape, widths=widths), seed=5)
    grow(wider, codec, old=old, old_codec=codec, words=list(TOKENS))
    before = output(old)
    assert (output(wider) - before).norm() < 1e-3 * before.norm()


def test_copies_of_a_channel_have_different_weights(codec, old, tiny_shape):
    wider = make_networks(replace(tiny_shape, widths=(32, 64)), seed=5)
    grow(wider, codec, old=old, old_codec=codec, words=list(TOKENS))
    weight = wider.unet.conv_out.weight
    assert not torch.allclose(weight[:, 0], weight[:, 1], rtol=1e-3)


def test_the_head_of_another_shape_begins_without_effect(codec, old, tiny_shape):
    deeper = make_networks(replace(tiny_shape, detail_depth=2), seed=5)
    without = make_networks(replace(tiny_shape, detail_depth=0), seed=5)
    for networks in (deeper, without):
        grow(networks, codec, old=old, old_codec=codec, words=list(TOKENS))
    assert torch.allclose(output(deeper), output(without), atol=1e-5)
    assert not torch.allclose(output(deeper), output(old), atol=1e-2)


def test_words_keep_their_embedding_when_their_ids_change(codec, old, tiny_shape):
    words = list(TOKENS)
    moved = [*words[:10], "<spare-7>", *(word for word in words[10:] if word != "<spare-7>")]
    table = old.text_encoder.get_input_embeddings().weight
    indices = torch.tensor([words.index(word) for word in moved])
    values = {
        name: table[indices] if name.endswith("token_embedding.weight") else value
        for name, value in old.text_encoder.named_parameters()
    }
    reordered = SimpleNamespace(
        unet=old.unet, text_encoder=SimpleNamespace(named_parameters=values.items)
    )
    grown = make_networks(tiny_shape, seed=5)
    grow(grown, codec, old=reordered, old_codec=codec, words=moved)
    assert torch.allclose(output(grown), output(old), atol=2e-2)


def test_a_narrower_level_is_refused(codec, old, tiny_shape):
    narrower = make_networks(replace(tiny_shape, widths=(16, 24)), seed=5)
    with pytest.raises(ValueError, match="cannot become narrower"):
        grow(narrower, codec, old=old, old_codec=codec, words=list(TOKENS))
