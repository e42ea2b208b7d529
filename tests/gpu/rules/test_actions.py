import pytest

from gpu.rules.actions import parse_rule
from gpu.rules.background import Background, RemoveBackground
from gpu.rules.errors import InvalidRule
from gpu.rules.recolor import Recolor
from gpu.rules.restyle import Restyle
from gpu.rules.texture import Plane, Texture
from gpu.rules.tone import Match, Tone, ToneChange
from tests.editing import SWATCHES

CORNERS = [[0.2, 0.5], [0.8, 0.5], [1.1, 1.0], [-0.1, 1.0]]
PLANE = {"corners": CORNERS, "width": 4, "height": 5}


def parsed(action, value=None, options=None):
    return parse_rule({"action": action, "value": value, "options": options}, SWATCHES)


@pytest.mark.parametrize(
    "setting,rule",
    [
        (("tone", "warmer"), Tone(ToneChange.WARMER, 1.0)),
        (("tone", "contrast-", {"amount": 0.5}), Tone(ToneChange.LESS_CONTRAST, 0.5)),
        (("tone", "match:12", {"amount": 1}), Match(12, 1.0)),
        (("recolor", "#000000"), Recolor((0.0, 0.0, 0.0))),
        (("recolor", "sage"), Recolor(SWATCHES["sage"].colour)),
        (("texture", "oak"), Texture("oak")),
        (("texture", "oak", {"share": 0.1, "rotation": 45, "offset": [0.5, 0]}),
         Texture("oak", share=0.1, rotation=45.0, offset=(0.5, 0.0))),
        (("background", "#FFFFFF", {"shadow": 0.5}), Background("#FFFFFF", 1.0, 0.5)),
        (("background", "oak", {"share": 0.2}), Background("oak", 0.2)),
        (("remove_background",), RemoveBackground()),
        (("restyle", "17"), Restyle("17")),
        (("restyle", "17", {"strength": 0.25}), Restyle("17", strength=0.25)),
        (("remove_background", None, {"amount": None}), RemoveBackground()),
    ],
)  # fmt: skip
def test_a_setting_becomes_a_typed_rule(setting, rule):
    assert parsed(*setting) == rule


def test_a_style_may_be_laid_in_a_plane():
    corners = tuple(tuple(map(float, point)) for point in CORNERS)
    rule = parsed("restyle", "17", {"plane": PLANE})
    assert rule == Restyle("17", plane=Plane(corners, 4.0, 5.0))


def test_a_plane_brings_the_swatchs_own_metres():
    rule = parsed("texture", "oak", {"plane": PLANE})
    corners = tuple(tuple(map(float, point)) for point in CORNERS)
    assert rule == Texture("oak", metres=1.0, plane=Plane(corners, 4.0, 5.0))
    assert parsed("texture", "oak", {"plane": PLANE, "metres": 0.5}).metres == 0.5
    assert parsed("texture", "oak", {"plane": PLANE, "share": 0.5}).metres is None


@pytest.mark.parametrize(
    "setting,field",
    [
        ({}, "action"),
        ({"action": None}, "action"),
        ({"action": "erase"}, "action"),
        ({"action": ["recolor"]}, "action"),
        ({"action": "tone", "value": "warmer", "colour": 1}, "colour"),
        ({"action": "restyle", "value": None}, "value"),
        ({"action": "restyle", "value": 17}, "value"),
        ({"action": "restyle", "value": " "}, "value"),
        ({"action": "restyle", "value": "17", "options": {"strength": 0}}, "options.strength"),
        ({"action": "restyle", "value": "17", "options": {"strength": 1.1}}, "options.strength"),
        ({"action": "restyle", "value": "17", "options": {"share": 0.5}}, "options.share"),
        ({"action": "tone", "value": "hotter"}, "value"),
        ({"action": "tone", "value": None}, "value"),
        ({"action": "tone", "value": ["warmer"]}, "value"),
        ({"action": "tone", "value": "match:"}, "value"),
        ({"action": "tone", "value": "match:-1"}, "value"),
        ({"action": "recolor"}, "value"),
        ({"action": "recolor", "value": 5}, "value"),
        ({"action": "recolor", "value": "walnut"}, "value"),
        ({"action": "texture", "value": "walnut"}, "value"),
        ({"action": "texture", "value": "#FFFFFF"}, "value"),
        ({"action": "background", "value": "walnut"}, "value"),
        ({"action": "remove_background", "value": "#FFFFFF"}, "value"),
        ({"action": "tone", "value": "warmer", "options": [1]}, "options"),
    ],
)
def test_an_unknown_action_or_value_is_named(setting, field):
    with pytest.raises(InvalidRule) as refused:
        parse_rule(setting, SWATCHES)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "action,value,options,field",
    [
        ("tone", "warmer", {"amount": 2.1}, "amount"),
        ("tone", "warmer", {"amount": -0.1}, "amount"),
        ("tone", "match:0", {"amount": 1.5}, "amount"),
        ("tone", "warmer", {"amount": True}, "amount"),
        ("tone", "warmer", {"amount": "1"}, "amount"),
        ("tone", "warmer", {"amount": float("nan")}, "amount"),
        ("tone", "warmer", {"amount": float("inf")}, "amount"),
        ("tone", "warmer", {"strength": 1}, "strength"),
        ("recolor", "#112233", {"amount": 1}, "amount"),
        ("remove_background", None, {"shadow": 1}, "shadow"),
        ("texture", "oak", {"share": 0}, "share"),
        ("texture", "oak", {"rotation": 361}, "rotation"),
        ("texture", "oak", {"offset": 1}, "offset"),
        ("texture", "oak", {"offset": [1, 2, 3]}, "offset"),
        ("texture", "oak", {"offset": [1, None]}, "offset"),
        ("texture", "oak", {"metres": 1}, "metres"),
        ("texture", "oak", {"plane": PLANE, "metres": 1, "share": 0.5}, "share"),
        ("texture", "oak", {"plane": 4}, "plane"),
        ("texture", "oak", {"plane": {}}, "plane.corners"),
        ("texture", "oak", {"plane": PLANE | {"corners": CORNERS[:3]}}, "plane.corners"),
        (
            "texture",
            "oak",
            {"plane": PLANE | {"corners": [*CORNERS[:3], [99, 0]]}},
            "plane.corners[3]",
        ),
        ("texture", "oak", {"plane": PLANE | {"width": None}}, "plane.width"),
        ("texture", "oak", {"plane": PLANE | {"height": -1}}, "plane.height"),
        ("texture", "oak", {"plane": PLANE | {"depth": 1}}, "plane.depth"),
        ("texture", "oak", {"plane": PLANE | {"corners": CORNERS[::-1]}}, "plane.corners"),
        ("restyle", "17", {"plane": PLANE | {"corners": CORNERS[::-1]}}, "plane.corners"),
        ("restyle", "17", {"plane": PLANE | {"width": 0}}, "plane.width"),
        ("restyle", "17", {"plane": []}, "plane"),
        ("restyle", "17", {"share": 0.5}, "share"),
        ("background", "oak", {"shadow": 2}, "shadow"),
    ],
)
def test_a_wrong_option_is_named_by_its_path(action, value, options, field):
    with pytest.raises(InvalidRule) as refused:
        parsed(action, value, options)
    assert refused.value.field == f"options.{field}"
    assert refused.value.message in str(refused.value)
