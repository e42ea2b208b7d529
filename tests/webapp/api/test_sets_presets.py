import io

import pytest
from PIL import Image

from tests.webapp.conftest import error_code

PRESETS = "/api/v1/sets/presets"


def test_the_presets_are_listed_in_their_fixed_order(client):
    data = client.get(PRESETS).json["data"]
    assert [each["id"] for each in data["results"]] == ["interior", "seller"]
    assert data["has_more"] is False
    assert client.get("/api/v1/presets").json["data"] == data


@pytest.mark.parametrize("path", [PRESETS, "/api/v1/presets"])
def test_a_preset_shows_concepts_protection_palette_and_templates(client, path):
    shown = client.get(f"{path}/interior").json["data"]
    assert shown["concept_count"] == len(shown["concepts"]) >= 12
    assert set(shown["protect_defaults"]) == {"Grout", "Frame_Molding", "Glass_highlight"}
    wall = next(each for each in shown["concepts"] if each["name"] == "Wall")
    assert wall == {
        "name": "Wall",
        "label": "Wall",
        "is_many": False,
        "protection": "pixels",
        "is_protected": False,
    }
    assert [each["plan"] for each in shown["output_templates"]].count("free") >= 1
    seller = client.get(f"{path}/seller").json["data"]
    pack = next(each for each in seller["output_templates"] if each["id"] == "product_pack")
    assert {"group": "main", "count": 1} in pack["needs"]


def test_words_are_in_the_readers_language(client):
    shown = client.get(f"{PRESETS}/interior", headers={"Accept-Language": "ko"}).json["data"]
    assert shown["name"] == "인테리어"
    assert shown["concepts"][0]["label"] == "벽"
    assert shown["concepts"][0]["name"] == "Wall"


def test_every_swatch_of_a_palette_has_its_picture(client):
    for swatch in client.get(f"{PRESETS}/interior").json["data"]["palette"]:
        base, _, path = swatch["image_url"].partition("/swatches/")
        assert base.startswith("http")
        answer = client.get(f"/swatches/{path}")
        assert answer.mimetype == "image/png"
        assert "max-age=86400" in answer.headers["Cache-Control"]
        with Image.open(io.BytesIO(answer.data)) as picture:
            assert picture.format == "PNG"


def test_what_is_no_preset_and_no_swatch_is_not_found(client):
    assert error_code(client.get(f"{PRESETS}/garden")) == "NOT_FOUND"
    assert client.get("/swatches/..%2f..%2finterior.toml.png").status_code == 404
    assert client.get("/swatches/gold.png").status_code == 404
