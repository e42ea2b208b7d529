import hashlib
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from gpu.errors import AdapterMismatch, StyleOutdated
from gpu.rendering.adapters import AdapterCache, read_adapter
from tests.gpu.rendering.conftest import header_of


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def forge(trained_style, tmp_path):
    """Write a changed copy of a good style; its hash is right, its content is not."""

    def write(change_tensors=None, **metadata):
        tensors = load_file(trained_style.adapter_path)
        if change_tensors is not None:
            change_tensors(tensors)
        path = tmp_path / "forged.safetensors"
        save_file(tensors, path, {**header_of(trained_style.adapter_path), **metadata})
        return path

    return write


def test_a_good_style_is_read(trained_style, tiny_base):
    adapter = read_adapter(trained_style.adapter_path, trained_style.adapter_sha256, tiny_base)
    assert (adapter.config.r, adapter.scaling) == (2, 1.0)
    assert adapter.metadata["trigger"] == "style"


def test_an_absent_file_is_refused(tiny_base, tmp_path):
    with pytest.raises(AdapterMismatch, match="cannot be read"):
        read_adapter(tmp_path / "absent", "0" * 64, tiny_base)


def test_a_file_with_another_hash_is_refused(trained_style, tiny_base):
    with pytest.raises(AdapterMismatch, match="has hash"):
        read_adapter(trained_style.adapter_path, "0" * 64, tiny_base)


def test_a_style_of_another_base_model_is_refused(forge, tiny_base):
    path = forge(base_model_sha256="f" * 64)
    with pytest.raises(StyleOutdated, match="another base model"):
        read_adapter(path, sha256(path), tiny_base)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(forge, tiny_base, value):
    def poison(tensors):
        tensors["unet.conv_in.lora_A.weight"][0, 0, 0, 0] = value

    path = forge(poison)
    with pytest.raises(AdapterMismatch, match="not finite"):
        read_adapter(path, sha256(path), tiny_base)


def test_a_wrong_shape_is_refused(forge, tiny_base):
    def cut(tensors):
        tensors["unet.conv_in.lora_B.weight"] = torch.zeros(3, 2, 1, 1)

    path = forge(cut)
    with pytest.raises(AdapterMismatch, match="has shape"):
        read_adapter(path, sha256(path), tiny_base)


def test_a_missing_layer_is_refused(forge, tiny_base):
    path = forge(lambda tensors: tensors.pop("unet.conv_in.lora_B.weight"))
    with pytest.raises(AdapterMismatch, match="layers are not"):
        read_adapter(path, sha256(path), tiny_base)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        b"not a style file at all",
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 20_000) + b"[" * 20_000,
    ],
)
def test_a_malformed_file_is_refused(tmp_path, tiny_base, content):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(AdapterMismatch):
        read_adapter(path, sha256(path), tiny_base)


def test_a_truncated_style_is_refused(trained_style, tiny_base, tmp_path):
    path = tmp_path / "torn.safetensors"
    path.write_bytes(trained_style.adapter_path.read_bytes()[:-100])
    with pytest.raises(AdapterMismatch, match="damaged"):
        read_adapter(path, sha256(path), tiny_base)


def test_memory_keeps_the_recently_used_within_its_bound(trained_style, forge, tiny_base):
    other = forge(style_id="another")
    memory = AdapterCache(max_bytes=1)
    memory.get(trained_style.adapter_path, trained_style.adapter_sha256, tiny_base)
    memory.get(other, sha256(other), tiny_base)
    assert sha256(other) in memory
    assert trained_style.adapter_sha256 not in memory


def test_a_style_in_memory_is_not_read_again(trained_style, forge, tiny_base):
    path = forge(style_id="another")
    digest = sha256(path)
    memory = AdapterCache()
    first = memory.get(path, digest, tiny_base)
    path.unlink()
    assert memory.get(path, digest, tiny_base) is first
