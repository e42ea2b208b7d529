import copy
import dataclasses

import pytest
import torch

from gpu.base_models.text import Conditioning
from gpu.training.batch_trainer import BatchTrainer, TrainableAdapter, TrainStep
from gpu.training.diffusion import NoisyBatch, weighted_losses
from gpu.training.recipe import decide_recipe


@pytest.fixture
def recipe(make_config, tiny_base):
    return decide_recipe(make_config(), tiny_base.spec)


@pytest.fixture
def trainable(tiny_base, recipe):
    return TrainableAdapter(tiny_base, recipe, seed=0)


def steep_batch():
    generator = torch.Generator().manual_seed(0)
    return NoisyBatch(
        noisy=torch.randn(2, 4, 16, 16, generator=generator),
        target=1e4 * torch.randn(2, 4, 16, 16, generator=generator),
        times=torch.tensor([100, 900]),
        weights=torch.ones(2),
        text=Conditioning(torch.randn(2, 12, 16, generator=generator)),
    )


def run_step(trainable, *, learning_rate):
    (loss,) = BatchTrainer().run([TrainStep(trainable, steep_batch(), learning_rate)])
    return loss


def gradient_norm(trainable):
    gradients = [weight.grad for weight in trainable.weights.values() if weight.grad is not None]
    return torch.linalg.vector_norm(torch.cat([gradient.flatten() for gradient in gradients]))


def test_the_gradient_is_really_clipped(trainable, recipe):
    steep = weighted_losses(trainable.base, steep_batch(), [trainable.adapter] * 2).mean()
    steep.backward()
    before = gradient_norm(trainable)
    run_step(trainable, learning_rate=0.0)

    assert steep > 1e6
    assert before > 10 * recipe.max_gradient_norm
    assert gradient_norm(trainable) == pytest.approx(recipe.max_gradient_norm, rel=1e-3)


def test_adapters_are_in_full_precision_whatever_the_base_model(tiny_base, recipe):
    half = dataclasses.replace(
        tiny_base, unet=copy.deepcopy(tiny_base.unet).to(torch.bfloat16), dtype=torch.bfloat16
    )
    trainable = TrainableAdapter(half, recipe, seed=0)
    run_step(trainable, learning_rate=1e-3)
    assert {weight.dtype for weight in trainable.weights.values()} == {torch.float32}
    assert {weight.grad.dtype for weight in trainable.weights.values()} == {torch.float32}


def test_only_the_adapter_is_trained(trainable, tiny_base):
    before = {name: value.clone() for name, value in tiny_base.unet.named_parameters()}
    initial = {name: value.detach().clone() for name, value in trainable.weights.items()}
    run_step(trainable, learning_rate=1e-2)
    after = dict(tiny_base.unet.named_parameters())
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(value.requires_grad for value in after.values())
    moved = {name for name, value in trainable.weights.items() if not value.equal(initial[name])}
    assert moved >= {name for name in initial if ".lora_B." in name}


def test_the_optimizer_uses_the_learning_rate_of_the_step(trainable):
    run_step(trainable, learning_rate=1.25e-3)
    assert trainable.optimizer.param_groups[0]["lr"] == 1.25e-3


def test_only_targets_are_trained(tiny_base, recipe):
    trainable = TrainableAdapter(tiny_base, dataclasses.replace(recipe, targets=("attn",)), seed=0)
    before = {name: value.detach().clone() for name, value in trainable.weights.items()}
    run_step(trainable, learning_rate=1e-3)
    moved = {
        name for name, value in trainable.weights.items() if not torch.equal(value, before[name])
    }
    assert moved
    assert all("attn" in name for name in moved)
