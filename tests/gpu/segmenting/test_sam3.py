"""SAM3's own classes with random weights: how it is called, not what it finds."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from gpu.errors import GpuOutOfMemory, ModelMissing
from gpu.segmenting.interface import AUTOMATIC_CONFIDENCE, Concept, InvalidConcept
from gpu.segmenting.sam3 import Sam3Segmenter
from tests.editing import room
from tests.tiny_sam3 import TOKENS, random_sam3, tiny_config, word_tokenizer, write_tiny_sam3

CONCEPTS = (
    Concept("Wall", "wall"),
    Concept("Window", "wooden window", True),
    Concept("Door", "wooden door", True),
    Concept("Floor", "floor"),
)
PHOTOS = tuple(room(seed, (120, 90)).image for seed in range(3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_sam3(tmp_path_factory.mktemp("sam3"))


@pytest.fixture(scope="module")
def segmenter(folder):
    return Sam3Segmenter.load(str(folder), device=torch.device("cpu"), least_score=0)


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def counted(network):
    """A list that grows by the size of each batch that a network is called with."""
    calls = []
    hook = network.register_forward_pre_hook(
        lambda _, args, named: calls.append(len(args[0] if args else next(iter(named.values())))),
        with_kwargs=True,
    )
    return calls, hook


def differences(first, second):
    return [
        max(
            np.abs(instance.scores - other.scores).max(),
            np.abs(instance.probabilities - other.probabilities).max(),
        )
        for instance, other in zip(first, second, strict=True)
    ]


def are_alike(first, second):
    """Whether instances are the same but for the last bits of floats, which may flip a pixel."""
    return len(first) == len(second) and all(
        (instance.concept, instance.number) == (other.concept, other.number)
        and abs(instance.confidence - other.confidence) < 1e-6
        and (instance.mask.decode() != other.mask.decode()).mean() < 1e-3
        for instance, other in zip(first, second, strict=True)
    )


def test_many_prompts_in_one_call_find_what_one_call_for_each_finds(segmenter):
    together = segmenter.predict(PHOTOS[:1], CONCEPTS)[0]
    alone = [segmenter.predict(PHOTOS[:1], [concept])[0][0] for concept in CONCEPTS]
    assert max(differences(together, alone)) < 1e-6
    assert min(differences(together[1:], alone[:-1])) > 1e-3  # prompts do make a difference


def test_a_batch_of_photos_finds_what_each_photo_alone_finds(segmenter):
    batch = segmenter.predict(PHOTOS, CONCEPTS)
    alone = [segmenter.predict([photo], CONCEPTS)[0] for photo in PHOTOS]
    for instance, other in zip(batch, alone, strict=True):
        assert max(differences(instance, other)) < 1e-6
    assert min(differences(batch[0], batch[1])) > 1e-3
    for photo, instances in zip(PHOTOS, segmenter.segment_batch(PHOTOS, CONCEPTS), strict=True):
        assert are_alike(instances, segmenter.segment(photo, CONCEPTS))


def test_a_photo_is_encoded_once_for_all_prompts_and_prompts_once_for_all_photos(segmenter):
    pictures, vision_hook = counted(segmenter._model.vision_encoder)
    texts, text_hook = counted(segmenter._model.text_encoder)
    with vision_hook, text_hook:
        segmenter.segment_batch(PHOTOS, CONCEPTS)
    assert sum(pictures) == len(PHOTOS)
    assert texts == [len(CONCEPTS)]


def test_instances_are_masks_of_the_photos_size_by_concept(segmenter):
    photo = Image.new("RGBA", (70, 110), (90, 120, 30, 255))
    detected = segmenter.segment(photo, CONCEPTS)
    assert detected
    names = [concept.name for concept in CONCEPTS]
    assert [instance.concept for instance in detected] == sorted(
        (instance.concept for instance in detected), key=names.index
    )
    for instance in detected:
        assert instance.mask.decode().shape == (110, 70)
        assert 0 < instance.confidence < 1
        assert instance.area > 0
    for name in names:
        of_concept = [instance for instance in detected if instance.concept == name]
        assert [instance.number for instance in of_concept] == list(range(1, len(of_concept) + 1))
        assert [instance.area for instance in of_concept] == sorted(
            (instance.area for instance in of_concept), reverse=True
        )


def test_the_same_photo_has_the_same_instances_every_time(segmenter):
    assert segmenter.segment(PHOTOS[0], CONCEPTS) == segmenter.segment(PHOTOS[0], CONCEPTS)


def test_a_score_below_the_least_is_not_reported(folder, segmenter):
    every = segmenter.predict(PHOTOS[:1], CONCEPTS)[0]
    middle = float(np.median([instance.scores for instance in every]))
    strict = Sam3Segmenter.load(str(folder), device=torch.device("cpu"), least_score=middle)
    for some, all_of_it in zip(strict.predict(PHOTOS[:1], CONCEPTS)[0], every, strict=True):
        assert np.array_equal(some.scores, all_of_it.scores[all_of_it.scores >= middle])
    assert Sam3Segmenter.load(str(folder)).least_score == AUTOMATIC_CONFIDENCE


def test_a_score_counts_both_the_mask_and_whether_the_concept_is_there(segmenter):
    with torch.no_grad():
        tokens = word_tokenizer()(
            "wall", padding="max_length", max_length=TOKENS, return_tensors="pt"
        )
        output = segmenter._model(
            pixel_values=segmenter._pixels(PHOTOS[:1]),
            input_ids=tokens.input_ids,
            attention_mask=tokens.attention_mask,
        )
    detected = segmenter.predict(PHOTOS[:1], CONCEPTS[:1])[0][0]
    expected = torch.sigmoid(output.pred_logits[0]) * torch.sigmoid(output.presence_logits[0])
    assert np.abs(detected.scores - expected.numpy()).max() < 1e-6
    assert np.abs(detected.probabilities - output.pred_masks[0].sigmoid().numpy()).max() < 1e-6


def test_pixels_are_a_square_from_minus_one_to_one(segmenter):
    dark, light = (Image.new("RGB", (300, 100), (level,) * 3) for level in (0, 255))
    values = segmenter._pixels([dark, light])
    assert values.shape == (2, 3, 224, 224)
    assert (values[0] == -1).all()
    assert (values[1] == 1).all()


@pytest.mark.parametrize("prompt", ["", "  ", "wall " * (TOKENS - 1)])
def test_a_prompt_without_words_or_with_too_many_is_an_error_that_names_the_field(
    segmenter, prompt
):
    with pytest.raises(InvalidConcept) as refused:
        segmenter.segment(PHOTOS[0], [CONCEPTS[0], Concept("Beam", prompt)])
    assert (refused.value.concept, refused.value.field) == ("Beam", "prompt")
    assert refused.value.code == "VALIDATION_ERROR"


def test_a_prompt_of_as_many_tokens_as_there_may_be_is_read_whole(segmenter):
    words = ["wall"] * (TOKENS - 2)  # begin and end count too
    long, other = (
        segmenter.predict(PHOTOS[:1], [Concept("Wall", " ".join([*words[:-1], last]))])[0]
        for last in ("wall", "door")
    )
    assert differences(long, other)[0] > 1e-6


def test_no_concepts_and_no_photos_are_no_instances(segmenter):
    assert segmenter.segment(PHOTOS[0], []) == []
    assert segmenter.segment_batch([], CONCEPTS) == []


def test_torchvision_is_not_needed(segmenter):
    segmenter.segment(PHOTOS[0], CONCEPTS)
    assert "torchvision" not in sys.modules


# ── memory ───────────────────────────────────────────────────────────────────────────────────────


def limited(network, most):
    """Memory in which a network can compute `most` rows at once."""

    def check(_, args, named):
        rows = args[0] if args else next(iter(named.values()))
        if len(rows[0] if isinstance(rows, list) else rows) > most:
            raise torch.OutOfMemoryError

    return network.register_forward_pre_hook(check, with_kwargs=True)


def test_where_memory_is_full_less_is_computed_at_once(segmenter):
    free = segmenter.segment_batch(PHOTOS, CONCEPTS)
    model = segmenter._model
    with limited(model.vision_encoder, 1), limited(model.detr_encoder, 1):
        halved = segmenter.segment_batch(PHOTOS, CONCEPTS)
    assert all(are_alike(*pair) for pair in zip(halved, free, strict=True))


@pytest.mark.parametrize("part", ["vision_encoder", "detr_encoder"])
def test_a_photo_that_does_not_fit_is_an_error_of_the_engine(segmenter, part):
    with limited(getattr(segmenter._model, part), 0), pytest.raises(GpuOutOfMemory):
        segmenter.segment_batch(PHOTOS, CONCEPTS)


# ── checkpoints ──────────────────────────────────────────────────────────────────────────────────


def test_the_layout_of_the_published_checkpoint_is_read(folder, copied, segmenter):
    weights = load_file(folder / "model.safetensors")
    detector = {f"detector_model.{name}": value for name, value in weights.items()}
    tracker = {"tracker_model.memory.weight": torch.zeros(3)}
    save_file(detector | tracker, copied / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (copied / "config.json").write_text(
        json.dumps({"model_type": "sam3_video", "detector_config": config})
    )
    published = Sam3Segmenter.load(str(copied), device=torch.device("cpu"), least_score=0)
    assert published.segment(PHOTOS[0], CONCEPTS) == segmenter.segment(PHOTOS[0], CONCEPTS)


def test_half_precision_computes_nearly_the_same(folder, segmenter):
    half = Sam3Segmenter.load(
        str(folder), device=torch.device("cpu"), dtype=torch.bfloat16, least_score=0
    )
    pairs = zip(
        half.predict(PHOTOS[:1], CONCEPTS)[0],
        segmenter.predict(PHOTOS[:1], CONCEPTS)[0],
        strict=True,
    )
    for instance, other in pairs:
        assert np.abs(instance.scores - other.scores).max() < 0.02


def test_the_version_names_the_weights(folder, copied, segmenter):
    assert Sam3Segmenter.load(str(copied)).version == segmenter.version
    random_sam3(tiny_config(), seed=1).save_pretrained(copied)
    assert Sam3Segmenter.load(str(copied)).version != segmenter.version


@pytest.mark.parametrize("source", ["/no/such/folder", "./no-such-folder", "no-one/sam3", "a b"])
def test_weights_that_are_not_on_this_machine_are_missing(source, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelMissing, match=source):
        Sam3Segmenter.load(source)


def remove(name):
    return lambda folder: (folder / name).unlink()


def cut_short(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def lose_a_weight(folder):
    weights = load_file(folder / "model.safetensors")
    weights.pop("text_projection.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def keep_a_pickle(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def be_another_model(folder):
    (folder / "config.json").write_text('{"model_type": "clip"}')


@pytest.mark.parametrize(
    "damage",
    [
        remove("model.safetensors"),
        remove("config.json"),
        remove("tokenizer.json"),
        cut_short,
        lose_a_weight,
        keep_a_pickle,
        be_another_model,
    ],
)
def test_a_damaged_checkpoint_is_missing_and_never_filled_at_random(copied, damage):
    damage(copied)
    with pytest.raises(ModelMissing, match="SAM3"):
        Sam3Segmenter.load(str(copied))
