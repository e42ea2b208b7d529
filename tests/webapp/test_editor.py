"""The editor of the web process: settings, clicks and previews by the engine."""

import ast
import inspect
import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from gpu.rules import actions, colour
from gpu.rules.errors import InvalidRule
from gpu.segmenting.masks import EncodedMask, encode_mask, intersection_over_union
from tests.images import decoded, encoded, half_and_half
from webapp import editor as module
from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.gateways.editor import Point, PreviewPart
from webapp.domain.sets_presets import preset
from webapp.editor import EngineEditor

INTERIOR, SELLER = preset("interior"), preset("seller")
CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]]
PLANE = {"corners": CORNERS, "width": 2, "height": 2}
LEFT = [Point(0.2, 0.5), Point(0.8, 0.5, include=False)]


@pytest.fixture
def editor():
    return EngineEditor()


def problems(editor, setting, of=INTERIOR):
    with pytest.raises(ValidationFailed) as refused:
        editor.check(setting, of, path="concepts.Wall")
    return refused.value.details["fields"]


@pytest.mark.parametrize(
    "setting",
    [
        {"action": "recolor", "value": "#A0B1C2"},
        {"action": "recolor", "value": "oak_a"},
        {"action": "tone", "value": "warmer", "options": {"amount": 0.5}},
        {"action": "tone", "value": "match:3"},
        {"action": "texture", "value": "oak_a", "options": {"plane": PLANE}},
        {"action": "restyle", "value": "12", "options": {"strength": 0.6, "plane": PLANE}},
    ],
)
def test_what_the_engine_can_apply_is_accepted(editor, setting):
    editor.check(setting, INTERIOR, path="concepts.Wall")


def test_each_preset_has_its_own_actions_and_swatches(editor):
    removed = {"action": "remove_background"}
    editor.check(removed, SELLER, path="x")
    assert list(problems(editor, removed)) == ["concepts.Wall.action"]
    assert "blush" in SELLER.palette
    assert "blush" not in INTERIOR.palette
    blush = {"action": "recolor", "value": "blush"}
    editor.check(blush, SELLER, path="x")
    assert list(problems(editor, blush)) == ["concepts.Wall.value"]


@pytest.mark.parametrize(
    "setting, field, message",
    [
        ({}, "action", "One of recolor, tone, texture, restyle."),
        ({"action": ["recolor"]}, "action", "One of recolor, tone, texture, restyle."),
        ({"action": "recolor", "colour": 1}, "colour", "A rule has no such field."),
        (
            {"action": "recolor"},
            "value",
            "Must be a colour such as #A0B1C2, or a swatch of this preset.",
        ),
        (
            {"action": "texture", "value": "oak_a", "options": {"rotation": 400}},
            "options.rotation",
            "-360 to 360.",
        ),
        (
            {"action": "texture", "value": "oak_a", "options": {"plane": PLANE | {"corners": 1}}},
            "options.plane.corners",
            "Must be four points [x, y].",
        ),
        (
            {
                "action": "texture",
                "value": "oak_a",
                "options": {"plane": PLANE | {"corners": [[0, 0], [1, "a"], [1, 1], [0, 1]]}},
            },
            "options.plane.corners.1",
            "Must be a number.",
        ),
        (
            {
                "action": "restyle",
                "value": "1",
                "options": {"plane": PLANE | {"corners": [[0, 0], [0, 1], [1, 1], [1, 0]]}},
            },
            "options.plane.corners",
            "Corners in this order: top left, top right, bottom right, bottom left.",
        ),
        ({"action": "restyle", "value": "ink"}, "value", "Must be the id of a style."),
        (
            {"action": "restyle", "value": "1", "options": {"strength": 2}},
            "options.strength",
            "0.01 to 1.",
        ),
        (
            {"action": "restyle", "value": "1", "options": {"amount": 1}},
            "options.amount",
            "This action has no such option.",
        ),
    ],
)
def test_what_it_cannot_apply_is_named_by_its_path(editor, setting, field, message):
    [(path, [problem])] = problems(editor, setting).items()
    assert (path, problem) == (f"concepts.Wall.{field}", message)


def messages_of_the_engine() -> Iterator[str]:
    """Every text of an InvalidRule in the engine's parsers, its places filled."""
    for source in (actions, colour):
        for node in ast.walk(ast.parse(inspect.getsource(source))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InvalidRule":
                yield re.sub(r"\{.*?\}", "1", ast.unparse(node.args[1]).lstrip("f").strip("'\""))


def test_everything_that_the_engine_refuses_has_words_of_ours():
    found = list(messages_of_the_engine())
    assert len(found) > 10
    for message in found:
        if message.startswith("must be one of"):
            continue  # actions: judged before the engine is asked
        assert isinstance(module._problem(InvalidRule("value", message)), FieldProblem)


def test_a_photo_is_prepared_once_for_all_clicks_on_it(editor):
    read = []

    def read_photo():
        read.append(1)
        return encoded(half_and_half(200, 120))

    first = editor.mask("photos/1.png", read_photo, LEFT)
    editor.mask("photos/1.png", read_photo, LEFT[:1])
    assert len(read) == 1
    mask = EncodedMask(first.png, 200, 120).decode()
    assert first.area == mask.sum()
    assert first.box[2] == pytest.approx(100, abs=3)


def test_only_so_many_photos_are_kept_ready(editor, monkeypatch):
    monkeypatch.setattr(module, "PREPARED_PHOTOS", 2)
    read = []

    def clicked(key):
        def read_photo():
            read.append(key)
            return encoded(half_and_half(64, 64))

        editor.mask(key, read_photo, LEFT)

    for key in ("a", "b", "a", "c", "a", "b"):
        clicked(key)
    assert read == ["a", "b", "c", "b"]


def test_a_large_photo_is_clicked_on_in_a_copy_and_its_mask_has_the_photos_size(
    editor, monkeypatch
):
    monkeypatch.setattr(module, "CLICKED_PIXELS", 5_000)
    photo = encoded(half_and_half(301, 201))
    made = editor.mask("photos/2.png", lambda: photo, LEFT)
    mask = EncodedMask(made.png, 301, 201).decode()
    truth = np.zeros((201, 301), np.bool_)
    truth[:, :150] = True
    assert intersection_over_union(mask, truth) > 0.95


def test_a_preview_keeps_what_is_transparent(editor):
    photo = half_and_half(120, 80).convert("RGBA")
    photo.paste((0, 0, 0, 0), (100, 0, 120, 80))
    mask = np.zeros((160, 240), np.bool_)  # of the whole photo, twice as large
    mask[:, :120] = True
    part = PreviewPart("Wall", encode_mask(mask).png, {"action": "recolor", "value": "#208040"})
    made = editor.preview(encoded(photo, "WEBP", lossless=True), [part], {})
    assert made.not_found == ()
    levels = np.asarray(decoded(made.png))
    assert levels.shape == (80, 120, 4)
    assert (levels[:, 100:, 3] == 0).all()
    green = np.median(levels[:, :55, :3], axis=(0, 1))
    assert green.tolist() == pytest.approx([32, 128, 64], abs=4)


def test_a_rule_that_finds_no_pixel_is_told(editor):
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (9, 9, 9)).save(stream, "PNG")
    mask = encode_mask(np.ones((30, 40), np.bool_)).png
    rule = {"action": "recolor", "value": "#208040"}
    locked = PreviewPart("Window", mask, is_locked=True)
    made = editor.preview(stream.getvalue(), [PreviewPart("Wall", mask, rule), locked], {})
    assert made.not_found == ("Wall",)
