"""Defaults for a prompt are determined by its seed."""

import json

import pytest

from gpu.base_models.prompt_defaults import FILE, PromptDefault, PromptDefaults
from gpu.base_models.registry import load_base_model
from gpu.pretrain.open_choices import open_choices
from gpu.pretrain.vocabulary import Place, Position, Thing, Time

PLACES = {str(place) for place in Place}
TIMES = {str(time) for time in Time}


@pytest.fixture(scope="module")
def built_in():
    return load_base_model("built-in")


def test_a_seed_chooses_the_same_words_every_time_and_seeds_differ():
    chosen = [open_choices().choose(["cat"], seed) for seed in range(20)]

    assert chosen == [open_choices().choose(["cat"], seed) for seed in range(20)]
    assert len(set(chosen)) > 10


@pytest.mark.parametrize("thing", Thing)
def test_every_thing_gets_one_place_and_a_time_where_there_is_one(thing):
    for seed in range(20):
        added = set(open_choices().choose([thing], seed))
        assert len(added & PLACES) == 1
        assert len(added & TIMES) == (not added & {"room", "plain"})


def test_what_is_specified_is_never_changed():
    specified = ["house", "meadow", "night", "red", "left"]

    assert {open_choices().choose(specified, seed) for seed in range(50)} == {()}
    for seed in range(50):
        added = open_choices().choose(["boat", "water", "three"], seed)
        assert not PLACES & set(added)
        assert not {str(position) for position in Position} & set(added)


def test_a_prompt_without_a_thing_stays_as_it_is():
    assert open_choices().choose(["person", "blue"], 3) == ()


def test_a_later_choice_sees_what_an_earlier_one_added():
    first = PromptDefault(frozenset({"fox"}), frozenset(), ("den",))
    second = PromptDefault(frozenset({"den"}), frozenset(), ("dark",))

    assert PromptDefaults((first, second)).choose(["fox"], 1) == ("den", "dark")
    assert PromptDefaults((second, first)).choose(["fox"], 1) == ("den",)


def test_choices_are_read_as_they_were_written(tmp_path):
    open_choices().write(tmp_path)

    assert PromptDefaults.read(tmp_path) == open_choices()
    assert PromptDefaults.read(tmp_path / "elsewhere") == PromptDefaults()


def test_the_shipped_choices_are_those_of_the_code(built_in):
    assert built_in.prompt_defaults == open_choices()


def test_synonyms_and_plurals_count_as_the_words_that_they_mean(built_in):
    completed = built_in.complete_prompt("<style-3>, kittens, lake, evening, big, grey", 5)

    assert completed == "<style-3>, kittens, lake, evening, big, grey"
    assert built_in.complete_prompt("kitten", 5).startswith("kitten, ")


def test_a_base_model_without_defaults_leaves_prompts_unchanged(tiny_base):
    assert tiny_base.complete_prompt("a cat", 7) == "a cat"


def test_a_file_of_another_form_is_refused_with_its_model(tmp_path):
    (tmp_path / FILE).write_text(json.dumps([{"of": ["cat"]}]))

    with pytest.raises(KeyError):
        PromptDefaults.read(tmp_path)
