import pytest

from tests import images
from tests.tiny_model import write_tiny_model
from webapp.app import create_app


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "my-ink"
    folder.mkdir()
    for index in range(6):
        (folder / f"{index}.jpg").write_bytes(
            images.encoded(images.scene(96, 64, seed=index), "JPEG")
        )
        (folder / f"{index}.txt").write_text("boat, sea")
    return folder


def evaluate(*arguments):
    return create_app().test_cli_runner().invoke(args=["style", "evaluate", *map(str, arguments)])


def test_a_folder_of_pictures_becomes_a_report_of_how_well_its_style_is_learned(
    environment, pictures, tmp_path
):
    base, out = write_tiny_model(tmp_path / "base"), tmp_path / "out"
    answer = evaluate(pictures, "--out", out, "--base-model", base, "--steps", 2)
    assert answer.exit_code == 0, answer.output
    assert "Style gap closed: " in answer.output
    assert "Edges, as a share of the works' own: " in answer.output
    assert "my-ink" in (out / "index.html").read_text()
    assert (out / "style" / "contact_sheet.png").exists()


def test_pictures_that_teach_nothing_are_named(environment, pictures, tmp_path):
    (pictures / "3.txt").unlink()
    base = write_tiny_model(tmp_path / "base")
    answer = evaluate(pictures, "--out", tmp_path / "out", "--base-model", base)
    assert answer.exit_code == 1
    assert "LOW_QUALITY_DATA" in answer.output
    assert "3.jpg" in answer.output
    assert not (tmp_path / "out").exists()


def test_a_base_model_that_is_not_there_is_said(environment, pictures, tmp_path):
    answer = evaluate(pictures, "--out", tmp_path / "out", "--base-model", tmp_path / "nothing")
    assert answer.exit_code == 1
    assert "MODEL_MISSING" in answer.output
