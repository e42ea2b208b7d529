"""SD 1.5 and SDXL by their own classes, tiny: the same pictures as diffusers' own pipelines."""

import shutil

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors import safe_open
from transformers import CLIPTextModelWithProjection

from gpu.base_models.registry import load_base_model
from gpu.errors import ModelMissing
from gpu.rendering.pixels import to_pictures
from gpu.rendering.renderer import RenderedImage, Renderer, RenderRequest
from gpu.rendering.sampling import SamplingBatch, sample_latents, seed_noise
from gpu.training.recipe import TrainingConfig
from gpu.training.trainer import train
from tests.gpu.conftest import write_tiny_base
from tests.tiny_sdxl import write_tiny_sdxl

PROMPT, NEGATIVE, SEED, STEPS = "tree, red", "", 3, 4


@pytest.fixture(scope="module")
def sd15(tmp_path_factory):
    return write_tiny_base(tmp_path_factory.mktemp("sd15") / "sd15")


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    return write_tiny_sdxl(tmp_path_factory.mktemp("sdxl") / "sdxl")


def read_pipeline(base):
    """Diffusers' own pipeline around the same components."""
    shared = {"vae": base.vae, "unet": base.unet, "scheduler": base.make_scheduler()}
    encoders = base.text.encoders
    shared |= {"tokenizer": encoders[0].tokenizer, "text_encoder": encoders[0].model}
    if len(encoders) == 1:
        return StableDiffusionPipeline(
            **shared, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    return StableDiffusionXLPipeline(
        **shared,
        tokenizer_2=encoders[1].tokenizer,
        text_encoder_2=encoders[1].model,
        force_zeros_for_empty_prompt=base.text.empty_is_zero,
        add_watermarker=False,
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
def test_the_plain_base_draws_what_its_own_pipeline_draws(kind, request):
    base = load_base_model(str(request.getfixturevalue(kind)))
    batch = SamplingBatch(
        positive=base.encode_prompts([PROMPT]),
        negative=base.encode_prompts([NEGATIVE]),
        noise=seed_noise(base, SEED, width=32, height=32)[None],
        seeds=(SEED,),
        guidance=torch.tensor([5.0]),
        adapters=(None,),
        steps=STEPS,
    )
    ours = to_pictures(base.decode_latents(sample_latents(base, batch)))[0]
    pipeline = read_pipeline(base)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        PROMPT,
        width=32,
        height=32,
        num_inference_steps=STEPS,
        guidance_scale=5.0,
        generator=torch.Generator().manual_seed(SEED),
    ).images[0]
    assert np.abs(np.asarray(ours, float) - np.asarray(theirs, float)).max() <= 1


@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
def test_a_style_is_learned_drawn_and_opened_by_other_tools(kind, request, artworks, tmp_path):
    folder = request.getfixturevalue(kind)
    config = TrainingConfig(
        base_model=str(folder),
        artworks=artworks,
        trigger="style",
        output_dir=tmp_path,
        seed=1,
        steps=40,
        batch_size=2,
        rank=2,
        learning_rate=1e-2,
        checkpoint_every_steps=40,
    )
    style = train(config, on_progress=lambda _: None, should_stop=lambda: False)
    assert style.held_out_loss < style.held_out_history[0][1]

    rendering = RenderRequest(
        request_id="1",
        adapter_path=style.adapter_path,
        adapter_sha256=style.adapter_sha256,
        trigger="style",
        prompt_tags=("tree",),
        width=32,
        height=32,
        steps=STEPS,
    )
    renderer = Renderer.setup(str(folder))
    (outcome,) = renderer.render([rendering])
    assert isinstance(outcome, RenderedImage), outcome

    pipeline = read_pipeline(load_base_model(str(folder)))
    try:
        pipeline.load_lora_weights(tmp_path, weight_name="style.safetensors", adapter_name="it")
        loaded = {name for name, _ in pipeline.unet.named_parameters() if ".lora_" in name}
    finally:
        pipeline.unload_lora_weights()
    with safe_open(style.adapter_path, framework="pt") as opened:
        assert len(loaded) == len(list(opened.keys()))


def test_a_base_whose_second_tokenizer_is_missing_is_refused_by_name(sdxl, tmp_path):

    folder = shutil.copytree(sdxl, tmp_path / "torn")
    shutil.rmtree(folder / "tokenizer_2")
    with pytest.raises(ModelMissing, match="no tokenizer_2"):
        load_base_model(str(folder))


def test_what_the_second_text_encoder_weighs_is_part_of_the_identity(sdxl, tmp_path):

    folder = shutil.copytree(sdxl, tmp_path / "other")
    other = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2")
    other.text_projection.weight.data += 1
    other.save_pretrained(folder / "text_encoder_2")
    assert load_base_model(str(folder)).sha256 != load_base_model(str(sdxl)).sha256
