"""Captions contain true or neutral words of the vocabulary only, and some are empty."""

import numpy as np

from gpu.pretrain.captions import EMPTY_SHARE, caption
from gpu.pretrain.model import make_tokenizer, tokenize
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.vocabulary import (
    BROADER,
    FILLERS,
    MAX_TOKENS,
    STYLE_SLOTS,
    SYNONYMS,
    TOKENS,
    UNKNOWN,
    WORDS,
    Place,
    Thing,
)


def words_of(text):
    return [word for word in text.split(", ") if word]


def test_captions_hold_only_words_of_the_vocabulary():
    random = np.random.default_rng(0)
    known = {*WORDS, *STYLE_SLOTS, UNKNOWN}
    for seed in range(150):
        words = words_of(caption(draw_scene(seed, (16, 16)).tags, random))
        assert set(words) <= known


def test_captions_contain_no_wrong_tag():
    random = np.random.default_rng(1)
    for seed in range(150):
        tags = draw_scene(seed, (16, 16)).tags
        true = {*tags, *(BROADER[tag] for tag in tags if tag in BROADER)}
        words = set(words_of(caption(tags, random))) - {*FILLERS, *STYLE_SLOTS, UNKNOWN}
        assert words <= true


def test_about_one_caption_in_ten_is_empty():
    random = np.random.default_rng(2)
    empty = sum(caption(("cat", "sea"), random) == "" for _ in range(2000)) / 2000

    assert abs(empty - EMPTY_SHARE) < 0.03


def test_the_order_of_words_is_shuffled():
    random = np.random.default_rng(3)
    orders = {caption(("cat", "sea", "night", "black"), random) for _ in range(60)}

    assert len(orders) > 10


def test_tokens_are_unique_and_there_are_at_least_60_words():
    assert len(set(TOKENS)) == len(TOKENS)
    assert len(WORDS) >= 60
    assert len(STYLE_SLOTS) == 64


def test_every_word_and_style_slot_is_one_token():
    tokenizer = make_tokenizer()
    for word in (*WORDS, *STYLE_SLOTS):
        assert tokenizer.tokenize(word) == [word]


def test_synonyms_become_words_of_the_vocabulary():
    tokenizer = make_tokenizer()
    for synonym, word in SYNONYMS.items():
        assert word in WORDS
        assert tokenizer.tokenize(synonym) == [word]


def test_a_sentence_is_tokenized_to_its_words():
    tokenizer = make_tokenizer()

    assert tokenizer.tokenize("A red house on the meadow, at Sunset") == [
        "red", str(Thing.HOUSE), str(Place.MEADOW), "sunset",
    ]  # fmt: skip


def test_other_words_become_the_unknown_token():
    assert make_tokenizer().tokenize("a zebra") == [UNKNOWN]


def test_thirty_tags_fit_into_a_caption_and_more_are_cut():
    tokenizer = make_tokenizer()
    thirty = ", ".join(["cat"] * 30)
    ids = tokenize(tokenizer, ["", thirty, ", ".join(["cat"] * 90)])

    assert ids.shape == (3, MAX_TOKENS)
    assert (ids[1] == TOKENS.index("cat")).sum() == 30


def test_some_captions_are_long():
    random = np.random.default_rng(4)
    lengths = [len(words_of(caption(("cat", "sea"), random))) for _ in range(2000)]

    assert max(lengths) > 25
    assert sum(length > 8 for length in lengths) < 0.08 * len(lengths)
