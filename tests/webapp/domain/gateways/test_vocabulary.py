import subprocess
import sys

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from gpu.base_models.registry import BUILT_IN_FOLDER, REGISTRY
from tests.tiny_model import write_tokenizer
from webapp.domain.gateways import vocabulary
from webapp.domain.gateways.vocabulary import TokenCounts


def test_the_built_in_base_is_read_from_where_the_engine_keeps_it():
    assert vocabulary.BUILT_IN_FOLDER == BUILT_IN_FOLDER
    assert REGISTRY[vocabulary.BUILT_IN].source == str(BUILT_IN_FOLDER)


@pytest.mark.parametrize(
    "text, known, unknown",
    [
        ("cat", 1, 0),
        ("Kittens", 1, 0),
        ("a red dragon", 1, 1),
        ("ship on the ocean", 2, 0),
        ("dragon wyvern", 0, 2),
        ("the", 0, 0),
        ("", 0, 0),
    ],
)
def test_the_built_in_base_knows_its_words_with_synonyms_and_plurals(text, known, unknown):
    assert vocabulary.of_base_model("built-in").count_tokens(text) == TokenCounts(known, unknown)


def test_the_reading_is_the_engines_own():
    theirs = AutoTokenizer.from_pretrained(BUILT_IN_FOLDER / "tokenizer")
    words = ["cat", "villas", "dragon", "the", "centre", "Dunes", "lady", "rocket"]
    for word in words:
        ids = theirs(word, add_special_tokens=False).input_ids
        unknown = ids.count(theirs.unk_token_id)
        assert vocabulary.of_base_model("built-in").count_tokens(word) == TokenCounts(
            len(ids) - unknown, unknown
        )


def test_a_folder_is_read_by_its_own_tokenizer(tmp_path):
    write_tokenizer(tmp_path / "tokenizer")
    read = vocabulary.of_base_model(str(tmp_path)).count_tokens
    assert read("style boat") == TokenCounts(2, 0)
    assert read("castle") == TokenCounts(0, 1)


def test_a_tokenizer_that_spells_words_out_of_pieces_knows_every_word(tmp_path):
    letters = {letter: index for index, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
    spelling = Tokenizer(models.BPE(vocab=letters, merges=[]))
    spelling.pre_tokenizer = pre_tokenizers.Whitespace()
    (tmp_path / "tokenizer").mkdir()
    spelling.save(str(tmp_path / "tokenizer" / "tokenizer.json"))
    assert vocabulary.of_base_model(str(tmp_path)).count_tokens("dragon") == TokenCounts(6, 0)


@pytest.mark.parametrize("name", ["sd15", "sdxl", "somebody/some-model", "/nowhere"])
def test_a_base_whose_tokenizer_is_not_here_knows_every_word(name):
    assert vocabulary.of_base_model(name).count_tokens("red dragon") == TokenCounts(2, 0)


def test_the_site_reads_words_without_the_engine_or_its_libraries():
    code = (
        "import sys, webapp.app\n"
        "from webapp.domain.gateways import vocabulary\n"
        "assert vocabulary.of_base_model('built-in').count_tokens('cat').known == 1\n"
        "engine = ('torch', 'transformers', 'diffusers', 'gpu.base_models', 'gpu.rendering')\n"
        "print([name for name in engine if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
