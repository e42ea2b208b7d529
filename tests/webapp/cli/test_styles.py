import pytest

from tests import images, making
from tests.tiny_model import write_tiny_model
from webapp.app import create_app
from webapp.cli import styles as commands
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.services import checkpoints


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
    assert "Edges, as a share of those of the artworks: " in answer.output
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


def run(*arguments):
    return create_app().test_cli_runner().invoke(args=["style", *map(str, arguments)])


@pytest.fixture
def trained(committed, storage):
    with committed.begin() as session:
        return making.trained(session, storage).id


def test_the_checkpoints_of_a_trained_style_are_shown(trained):
    answer = run("show", trained)
    assert answer.exit_code == 0, answer.output
    assert "trained" in answer.output
    for step in (50, 100, 150):
        assert str(step) in answer.output


def test_a_trained_style_is_put_on_sale_once_with_the_chosen_checkpoint(trained, committed):
    answer = run("publish", trained, "--checkpoint", 100, "--cover", 1)
    assert answer.exit_code == 0, answer.output
    with committed() as session:
        sold = session.get_one(Style, trained)
        assert sold.training_status == "completed"
        hundred = next(each for each in checkpoints.of_style(session, trained) if each.step == 100)
        assert sold.adapter_sha256 == hundred.adapter_sha256
        assert sold.sample_keys[0] == hundred.sample_keys[1]
    again = run("publish", trained)
    assert (again.exit_code, "INVALID_TRANSITION" in again.output) == (1, True)
    tried = run("try", trained, "--tags", "boat")
    assert tried.exit_code == 1
    assert "only a style that is trained and not yet on sale" in tried.output


def test_a_refused_command_says_why_in_words_with_the_code_and_the_numbers(
    committed, storage, pictures
):
    with committed.begin() as session:
        email = session.get_one(User, making.artist(session).user_id).email
    answer = run("train", pictures, "--artist", email, "--name", "My ink")
    assert answer.exit_code == 1
    assert answer.output == (
        "Error: There are not enough images. (INSUFFICIENT_IMAGES, count: 6, min: 10)\n"
    )


def test_a_try_out_is_drawn_as_often_as_is_allowed(trained, committed, monkeypatch):
    monkeypatch.setattr(commands, "watch", lambda _look: [])  # nobody renders here
    for _ in range(2):
        assert run("try", trained, "--tags", "boat, sea", "--count", 4).exit_code == 0
    more = run("try", trained, "--tags", "boat")
    assert (more.exit_code, "TRY_OUTS_USED_UP" in more.output) == (1, True)
    with committed() as session:
        drawn = session.query(Generation).all()
        assert [each.price_tokens for each in drawn] == [0] * 8
        assert making.violations(session) == []
