"""Prompts longer than a text encoder: every word is encoded, and short prompts as ever."""

import dataclasses

import pytest
import torch

from gpu.base_models.registry import load_base_model
from gpu.base_models.text import Conditioning, PromptEncoder
from gpu.training.captions import encode_captions
from tests.tiny_model import WORDS
from tests.tiny_sdxl import write_tiny_sdxl

TAGS = [f"{colour} {thing}" for colour in ("red", "tree") for thing in ("boat", "sea", "moon")]
LONG = ", ".join(["style", *TAGS])


@pytest.fixture(scope="module")
def tiny_sdxl(tmp_path_factory):
    return load_base_model(str(write_tiny_sdxl(tmp_path_factory.mktemp("sdxl") / "sdxl")))


@pytest.fixture(scope="module")
def built_in():
    return load_base_model("built-in")


@pytest.fixture(params=["tiny_base", "tiny_sdxl", "built_in"])
def base(request):
    return request.getfixturevalue(request.param)


def words_of(base, text):
    """The tokens of a text, without begin, end and commas."""
    tokenizer = base.text.encoders[0].tokenizer
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False).input_ids)
    return [token for token in tokens if token != ","]


def enough_tags(base):
    """Tags that need more than twice what the encoder reads at once."""
    vocabulary = ["boat", "sea", "tree", "house", "red", "moon"]
    return [vocabulary[index % 6] for index in range(2 * base.text.encoders[0].length + 1)]


def test_a_prompt_that_fits_is_one_part_with_the_bits_of_the_encoder_itself(base):
    prompts = ["boat, sea", ""]
    encoder = base.text.encoders[0]
    with torch.no_grad():
        output = encoder(prompts)
    ours = base.encode_prompts(prompts).hidden
    is_alone = len(base.text.encoders) == 1
    theirs = output.last_hidden_state if is_alone else output.hidden_states[-2]
    rows = slice(None) if is_alone or not base.text.empty_is_zero else slice(1)
    assert torch.equal(ours[rows, :, : theirs.shape[-1]], theirs[rows])
    assert [base.text.split(prompt) for prompt in prompts] == [["boat, sea"], [""]]


def test_no_word_of_a_long_prompt_is_lost_and_every_part_fits(base):
    prompt = ", ".join(enough_tags(base))
    parts = base.text.split(prompt)
    assert len(parts) > 2
    assert all(encoder.fits(part) for encoder in base.text.encoders for part in parts)
    assert [word for part in parts for word in words_of(base, part)] == words_of(base, prompt)


def test_a_prompt_is_cut_between_tags_and_never_within_one(tiny_base):
    assert tiny_base.text.split(LONG) == [
        "style, red boat, red sea, red moon",
        "tree boat, tree sea, tree moon",
    ]


def test_parts_are_filled_to_the_last_token(tiny_base):
    length = tiny_base.text.encoders[0].length
    full = ", ".join(["tree"] * (length // 2))  # a comma is a token too, the last one is not there
    assert tiny_base.text.split(full) == [full]
    assert tiny_base.text.split(f"{full} tree") == [f"{full} tree"]
    assert tiny_base.text.split(f"{full}, tree") == [full, "tree"]


def test_a_tag_longer_than_a_part_is_cut_between_words_and_a_word_in_halves(tiny_base, built_in):
    sentence = " ".join(["red boat"] * 10)
    assert " ".join(part.strip() for part in tiny_base.text.split(sentence)) == sentence
    assert len(tiny_base.text.split(sentence)) == 2
    hyphens = "tree-" * 11 + "tree"
    parts = tiny_base.text.split(hyphens)
    assert len(parts) > 1
    assert "".join(parts) == hyphens


@pytest.mark.parametrize("text", [",", ", , ,", ",,boat", "boat,", " ", "boat,sea,,moon"])
def test_odd_commas_are_no_trouble(base, text):
    assert [word for part in base.text.split(text) for word in words_of(base, part)] == words_of(
        base, text
    )
    assert len(base.encode_prompts([text])) == 1


def test_each_part_is_the_encoding_of_its_own_text_put_one_after_another(base):
    prompt = ", ".join(enough_tags(base))
    parts = base.text.split(prompt)
    whole, singly = base.encode_prompts([prompt]), base.encode_prompts(parts)
    length = base.text.encoders[0].length
    assert whole.hidden.shape[:2] == (1, len(parts) * length)
    assert torch.equal(whole.hidden[0], singly.hidden.flatten(0, 1))
    if singly.pooled is not None:
        assert torch.equal(whole.pooled, singly.pooled[:1])


def test_a_short_row_is_filled_with_the_encoding_of_the_empty_prompt(base):
    prompt = ", ".join(enough_tags(base))
    length, count = base.text.encoders[0].length, base.count_parts(prompt)
    together = base.encode_prompts([prompt, "boat"])
    assert len(together) == 2
    empty = base.encode_prompts([""]).hidden[0]
    short = together.hidden[1].unflatten(0, (count, length))
    for part in short[1:]:
        assert torch.allclose(part, empty, atol=1e-5)
    alone = base.encode_prompts(["boat"], parts=count)
    assert torch.allclose(alone.hidden[0], together.hidden[1], atol=1e-5)
    assert base.encode_prompts(["boat"]).hidden.shape[1] == length


def test_a_negative_that_is_empty_stays_zero_in_all_its_parts_where_empty_means_zero(tiny_sdxl):
    encoded = tiny_sdxl.encode_prompts([""], parts=3)
    assert encoded.hidden.shape[1] == 3 * tiny_sdxl.text.encoders[0].length
    assert not encoded.hidden.any()
    assert not encoded.pooled.any()


def test_the_length_is_the_encoders_own(tiny_base):
    encoder = tiny_base.text.encoders[0]
    longer = dataclasses.replace(encoder, model=_WithLength(encoder.model, 48))
    assert len(PromptEncoder((longer,)).split(LONG)) == 1
    shorter = dataclasses.replace(encoder, model=_WithLength(encoder.model, 4))
    assert len(PromptEncoder((shorter,)).split(LONG)) == len(TAGS)


class _WithLength:
    """A text encoder with another maximum number of tokens."""

    def __init__(self, encoder, length):
        self.config = type(encoder.config)(
            **encoder.config.to_dict() | {"max_position_embeddings": length}
        )


def test_the_last_tag_changes_the_prediction(base):
    tags = enough_tags(base)
    noisy = torch.zeros(1, base.latent_channels, 16, 16, dtype=base.dtype)
    times = torch.tensor([900])

    def predict(*words):
        text = base.encode_prompts([", ".join(words)])
        with torch.no_grad():
            return base.predict(noisy, times, text.to(base.device, base.dtype))

    assert not torch.equal(predict(*tags, "moon"), predict(*tags, "house"))


def test_captions_of_a_training_all_have_the_parts_of_the_longest(tiny_base):
    table = encode_captions(tiny_base, ["style, tree", LONG, ""])
    length = tiny_base.text.encoders[0].length
    assert table.encoded.hidden.shape[:2] == (3, 2 * length)
    row = table.encoded[[table.row(LONG)]]
    assert torch.allclose(row.hidden, tiny_base.encode_prompts([LONG]).hidden, atol=1e-5)
    short = encode_captions(tiny_base, ["style, tree", ""])
    assert torch.equal(short.encoded.hidden, tiny_base.encode_prompts(["", "style, tree"]).hidden)


def test_rows_of_unequal_length_are_never_joined(tiny_base):
    with pytest.raises(RuntimeError):
        Conditioning.join([tiny_base.encode_prompts([LONG]), tiny_base.encode_prompts(["tree"])])


def test_the_words_of_these_tests_are_known():
    assert set(" ".join(["style", *TAGS]).split()) <= set(WORDS)
