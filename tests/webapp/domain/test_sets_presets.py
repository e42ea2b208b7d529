import dataclasses

import pytest

from gpu.layouts.album import MAX_PROPOSALS, MAX_VARIANTS
from webapp.domain.sets_presets import (
    MOST_JOBS,
    Action,
    Group,
    GroupNeed,
    InvalidPreset,
    Names,
    Plan,
    Protection,
    UnknownConcept,
    UnknownGroup,
    UnknownPreset,
    UnknownTemplate,
    check,
    palette,
    preset,
    presets,
    swatches,
)

INTERIOR = [
    *("Wall", "Floor", "Ceiling", "Window", "Door", "Frame_Molding", "Tile", "Grout", "Cabinet"),
    *("Countertop", "Backsplash", "Light", "Handle", "Switch_Outlet", "Glass_highlight"),
]
SELLER = [
    *("Product", "Background", "Body", "Label_Text", "Logo", "Parts", "Accessories", "Gloss"),
]


def test_templates_take_as_many_jobs_as_the_engine_lays_out():
    assert MOST_JOBS == MAX_VARIANTS
    for each in (template for preset_ in presets() for template in preset_.templates):
        assert each.most_jobs == (MAX_PROPOSALS if each.id == "proposal3" else MAX_VARIANTS)


def test_there_are_two_presets_in_a_fixed_order():
    assert [each.id for each in presets()] == ["interior", "seller"]


@pytest.mark.parametrize(
    "preset_id, names, many, protected, light",
    [
        (
            "interior",
            INTERIOR,
            "Window Door Tile Cabinet Light Handle Switch_Outlet",
            "Frame_Molding Grout Glass_highlight",
            "Glass_highlight",
        ),
        ("seller", SELLER, "Logo Parts Accessories", "Label_Text Logo Gloss", "Gloss"),
    ],
)
def test_concepts_and_their_protection(preset_id, names, many, protected, light):
    found = preset(preset_id)
    assert [each.name for each in found.concepts] == names
    assert [each.name for each in found.concepts if each.is_many] == many.split()
    assert list(found.protected_by_default) == protected.split()
    assert [e.name for e in found.concepts if e.protection is Protection.LIGHT] == [light]


@pytest.mark.parametrize("found", presets(), ids=lambda each: each.id)
def test_a_prompt_is_words_that_a_segmenter_takes(found):
    for concept in found.concepts:
        assert concept.prompt.isascii()
        assert len(concept.prompt.split()) <= 32
        assert "_" not in concept.prompt


@pytest.mark.parametrize("found", presets(), ids=lambda each: each.id)
def test_whatever_a_person_reads_is_korean_in_korean(found):
    texts = [found.names, found.description]
    named = (*found.concepts, *found.groups, *found.templates, *palette(found))
    texts += [each.names for each in named]
    texts += [each.description for each in found.templates]
    for text in texts:
        assert any("가" <= letter <= "힣" for letter in text.ko), text
        assert text.en.isascii(), text


def test_a_text_is_read_in_the_language_of_a_locale():
    name = preset("interior").concept("Wall").names
    assert (name.in_language("ko_KR"), name.in_language("ko")) == ("벽", "벽")
    assert (name.in_language("en"), name.in_language("fr")) == ("Wall", "Wall")


@pytest.mark.parametrize(
    "preset_id, free, older, template_id",
    [
        ("interior", "before_after", "proposal_pack", "proposal3"),
        ("seller", "product_pack", "thumbnail_8", "thumbnails8"),
    ],
)
def test_the_first_template_is_the_free_one_and_older_names_are_known(
    preset_id, free, older, template_id
):
    found = preset(preset_id)
    plans = {each.id: each.plan for each in found.templates}
    assert found.templates[0].id == free
    assert [each for each, plan in plans.items() if plan is Plan.FREE] == [free]
    assert len(plans) == 3
    assert found.template(older) is found.template(template_id)


def test_a_product_pack_needs_seven_photos_of_four_groups():
    needs = preset("seller").template("product_pack").needs
    assert {each.group: each.count for each in needs} == {
        "main": 1,
        "detail": 4,
        "worn": 1,
        "package": 1,
    }


def test_only_products_have_a_background_to_replace():
    assert Action.BACKGROUND in preset("seller").actions
    assert Action.BACKGROUND not in preset("interior").actions
    assert {Action.RECOLOR, Action.TONE, Action.TEXTURE, Action.RESTYLE} < set(Action)


def test_what_is_unknown_has_an_error_of_its_own():
    found = preset("interior")
    with pytest.raises(UnknownPreset) as unknown:
        preset("garden")
    assert unknown.value.preset_id == "garden"
    with pytest.raises(UnknownConcept):
        found.concept("wall")
    with pytest.raises(UnknownTemplate):
        found.template("product_pack")
    with pytest.raises(UnknownGroup):
        found.group("main")


def test_a_preset_is_not_to_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        preset("interior").id = "other"
    with pytest.raises(TypeError):
        swatches()["gold"] = swatches()["navy"]


@pytest.mark.parametrize("found", presets(), ids=lambda each: each.id)
def test_every_group_but_the_rest_is_suggested_by_words_of_both_languages(found):
    for group in found.groups:
        words = "".join(group.words)
        assert words == words.casefold()
        has_hangul = any("가" <= letter <= "힣" for letter in words)
        assert (group.id == "other") == (not words) == (not has_hangul)


def test_a_preset_that_contradicts_itself_is_refused():
    found = preset("seller")
    pack, *others = found.templates
    broken = [
        {"palette": ("gold",)},
        {"palette": ("navy", "navy")},
        {"concepts": (*found.concepts, found.concepts[0])},
        {"groups": found.groups[1:]},
        {"groups": (*found.groups, Group(id="twin", names=found.names, words=("main",)))},
        {"templates": tuple(others)},
        {"templates": (pack, dataclasses.replace(pack, id="other", aliases=("product_pack",)))},
        {
            "templates": (
                dataclasses.replace(pack, needs=(GroupNeed(group="garden", count=1),)),
                *others,
            )
        },
    ]
    check(found, swatches())
    for change in broken:
        with pytest.raises(InvalidPreset):
            check(dataclasses.replace(found, **change), swatches())


def test_an_empty_name_is_refused():
    with pytest.raises(ValueError, match="ko"):
        Names(en="Wall", ko="")
