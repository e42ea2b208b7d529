"""Pretraining on a tiny configuration: it learns, resumes exactly, and writes a loadable model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.fit_codec import fit_codec
from gpu.pretrain.latents import CHUNK, LatentStore, SceneSet, draw_in_processes
from gpu.pretrain.recipe import Bucket, Settings, Stage
from gpu.pretrain.sample import load_codec, load_networks, sample
from gpu.pretrain.train import Trainer

CPU = torch.device("cpu")

# diffusers' schedulers convert tensors by `__array__`, which numpy 2 deprecates without `copy`
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def settings(tmp_path, tiny_shape):
    fit_codec(images=2, channels=8, side=64, patch=16).save_pretrained(tmp_path / "vae")
    buckets = (Bucket((64, 64), 4, 0.5, 6), Bucket((64, 96), 2, 0.5, 4))
    return Settings(
        out=tmp_path,
        steps=4,
        shape=tiny_shape,
        stages=(Stage(0.5, buckets[:1]), Stage(1.0, buckets)),
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
    trainer = Trainer(replace(settings, steps=80, learning_rate=5e-3), CPU)
    trainer.run()

    assert sum(trainer.losses[-20:]) < 0.9 * sum(trainer.losses[:20])


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
        torch.equal(value, saved) for value, saved in zip(second.average, shipped, strict=True)
    )
    assert second.step == 0
    second.run()
    assert second.step == settings.steps


def test_a_frozen_text_encoder_is_not_trained(settings):
    trainer = Trainer(replace(settings, trains_text_encoder=False), CPU)
    networks = (trainer.networks.unet, trainer.networks.text_encoder)
    before = [[p.detach().clone() for p in network.parameters()] for network in networks]
    trainer.run()

    assert not all(map(torch.equal, networks[0].parameters(), before[0]))
    assert all(map(torch.equal, networks[1].parameters(), before[1]))


def test_a_run_of_the_head_alone_changes_nothing_else(settings):
    trainer = Trainer(replace(settings, trains_text_encoder=False, trains_head_only=True), CPU)
    unet = trainer.networks.unet
    before = {name: p.detach().clone() for name, p in unet.named_parameters()}
    trainer.run()

    changed = {n for n, p in unet.named_parameters() if not torch.equal(p, before[n])}
    assert changed
    assert all(name.startswith("detail.") for name in changed)


def test_the_head_knows_the_spread_of_the_latents_it_is_trained_on(settings):
    trainer = Trainer(settings, CPU)
    trainer.run()
    first = settings.stages[0].buckets[0]
    latents, _, _ = trainer._stores[first.size].rows(np.arange(first.scenes), np.zeros(6, int))

    head = load_networks(settings.out / "model").unet.detail
    assert torch.allclose(head.latent_std, latents.std(dim=(0, 2, 3)), rtol=2e-3)
    assert torch.allclose(head.latent_mean, latents.mean(dim=(0, 2, 3)), rtol=2e-3, atol=1e-3)


def test_a_model_of_another_prediction_type_is_refused(settings):
    first = Trainer(settings, CPU)
    first.run()
    config = settings.out / "model" / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace('"sample"', '"v_prediction"'))
    with pytest.raises(ValueError, match="v_prediction"):
        Trainer(settings, CPU).start_from(settings.out / "model")


def test_processes_draw_the_same_scenes(settings, tmp_path):
    codec = PatchCodec.from_pretrained(settings.out / "vae").float().eval()
    scene_set = SceneSet((64, 64), CHUNK + 4, 5_000, 0.3)
    local = LatentStore(tmp_path / "here", scene_set, codec)
    local.draw_all()
    for process in draw_in_processes(
        tmp_path / "there", settings.out / "vae", [scene_set], processes=2
    ):
        process.join()
        assert process.exitcode == 0
    drawn = LatentStore(tmp_path / "there", scene_set, codec)
    indices, captions = np.arange(scene_set.count), np.zeros(scene_set.count, int)

    assert local.ready() == drawn.ready() == scene_set.count
    for local_rows, drawn_rows in zip(
        local.rows(indices, captions), drawn.rows(indices, captions), strict=True
    ):
        assert torch.equal(local_rows, drawn_rows)


def test_chunks_after_a_missing_one_are_not_ready(settings, tmp_path):
    codec = PatchCodec.from_pretrained(settings.out / "vae").float().eval()
    store = LatentStore(tmp_path / "cache", SceneSet((64, 64), 3 * CHUNK, 5_000, 0.0), codec)
    store.draw(0)
    store.draw(2)
    assert store.ready() == CHUNK
    store.draw(1)
    assert store.ready() == 3 * CHUNK


def test_a_store_in_a_device_s_memory_holds_the_same_rows(settings, tmp_path):
    codec = PatchCodec.from_pretrained(settings.out / "vae").float().eval()
    scene_set = SceneSet((64, 64), CHUNK, 5_000, 0.3)
    on_disk = LatentStore(tmp_path, scene_set, codec)
    resident = LatentStore(tmp_path, scene_set, codec, torch.device("cpu", 0))
    on_disk.draw_all()
    indices, captions = np.array([3, 1, 3]), np.array([0, 2, 1])

    assert on_disk.ready() == resident.ready() == CHUNK
    for local_rows, drawn_rows in zip(
        on_disk.rows(indices, captions), resident.rows(indices, captions), strict=True
    ):
        assert torch.equal(local_rows, drawn_rows)
