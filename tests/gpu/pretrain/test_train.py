"""Pretraining on a tiny configuration: it learns, resumes exactly, and writes a loadable model."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoTokenizer

from gpu.pretrain.fit_codec import fit_codec, widen
from gpu.pretrain.recipe import Feed, Settings, Stage
from gpu.pretrain.sample import load_codec, load_networks, sample
from gpu.pretrain.train import Trainer

CPU = torch.device("cpu")

# diffusers' schedulers hand tensors to numpy in a way that numpy 2 announces to change
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def settings(tmp_path, tiny_shape):
    inner = fit_codec(images=2, channels=8, side=32)
    inner.save_pretrained(tmp_path / "inner")
    widen(inner, images=2, side=64).save_pretrained(tmp_path / "vae")
    feeds = (Feed((64, 64), 4, 0.5, 6), Feed((64, 96), 2, 0.5, 4))
    return Settings(
        out=tmp_path,
        steps=4,
        shape=tiny_shape,
        stages=(Stage(0.5, feeds[:1]), Stage(1.0, feeds)),
        warmup_steps=2,
        autocast=False,
        with_samples=False,
    )


def weights_of(trainer):
    return torch.cat([p.detach().flatten() for p in [*trainer.parameters, *trainer.average]])


def test_a_resumed_run_ends_with_the_same_weights(settings):
    whole = Trainer(settings, CPU)
    whole.run()

    first = Trainer(settings, CPU)
    first.train_until(0.5)
    first.checkpoint()
    second = Trainer(settings, CPU)
    second.resume()
    second.run()

    assert second.step == whole.step == 4
    assert torch.equal(weights_of(second), weights_of(whole))
    assert second.losses == whole.losses


def test_training_lowers_the_loss(settings):
    trainer = Trainer(replace(settings, steps=30, learning_rate=5e-3), CPU)
    trainer.run()

    assert sum(trainer.losses[-5:]) < sum(trainer.losses[:5])


def test_a_checkpoint_is_a_model_that_draws(settings):
    trainer = Trainer(settings, CPU)
    trainer.run()
    networks, codec = load_networks(settings.out / "model"), load_codec(settings.out / "model")
    first, second = (
        sample(networks, codec, ["cat, sea", "sun"], size=(64, 128), steps=3) for _ in range(2)
    )
    tokenizer = AutoTokenizer.from_pretrained(settings.out / "model" / "tokenizer")

    assert [image.size for image in first] == [(64, 128)] * 2
    assert [image.tobytes() for image in first] == [image.tobytes() for image in second]
    assert tokenizer.tokenize("two cats, <style-3>") == ["two", "cat", "<style-3>"]


def test_a_finished_model_can_be_trained_further(settings):
    first = Trainer(settings, CPU)
    first.run()
    second = Trainer(settings, CPU)
    second.start_from(settings.out / "model")

    shipped = [value.half().float() for value in first.average]
    assert all(
        torch.equal(value, wanted) for value, wanted in zip(second.average, shipped, strict=True)
    )
    assert second.step == 0
    second.run()
    assert second.step == settings.steps


def test_a_model_that_predicts_something_else_is_not_trained_further(settings):
    first = Trainer(settings, CPU)
    first.run()
    config = settings.out / "model" / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace('"sample"', '"v_prediction"'))
    with pytest.raises(ValueError, match="v_prediction"):
        Trainer(settings, CPU).start_from(settings.out / "model")
