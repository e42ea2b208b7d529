import dataclasses
import json
import math

import pytest
from PIL import Image

from gpu.errors import LowQualityData
from gpu.evaluation.study import Subject, study_styles, write_page


def study(subjects, base, steps=2):
    return study_styles(subjects, base_model=str(base), on_progress=lambda *_: None, steps=steps)


@pytest.mark.long
def test_styles_are_studied_together_and_shown_on_one_page(tiny_base_folder, artworks, tmp_path):
    subjects = [
        Subject("Soft <noise>", artworks, tmp_path / "first"),
        Subject("Less of it", artworks[:4], tmp_path / "second"),
    ]
    results = study(subjects, tiny_base_folder)
    assert [(result.works, result.test_works) for result in results] == [(6, 4), (2, 2)]
    assert all(math.isfinite(result.style_gap_closed) for result in results)
    assert all(result.edges > 0 and result.edges_of_codec > 0 for result in results)
    assert results[0].adapter_sha256 != results[1].adapter_sha256
    for subject, result in zip(subjects, results, strict=True):
        assert json.loads((subject.folder / "report.json").read_text()) == dataclasses.asdict(
            result
        )
        for name in ("contact_sheet.png", "loss_curve.png"):
            with Image.open(subject.folder / name) as picture:
                assert picture.width > 500
    page = write_page(tmp_path, results, base_model="tiny").read_text()
    assert "first/contact_sheet.png" in page
    assert "Soft &lt;noise&gt;" in page
    assert f"<td>{results[0].edges:.2f}</td>" in page


def test_test_works_are_not_trained_on(artworks, tmp_path):
    subject = Subject("Any", artworks, tmp_path)
    assert set(subject.train_works).isdisjoint(subject.test_works)
    assert len(subject.train_works) + len(subject.test_works) == len(artworks)


def test_too_few_works_are_refused_before_training(tiny_base_folder, artworks, tmp_path):
    with pytest.raises(LowQualityData, match="at least 4 works are needed, got 3"):
        study([Subject("Any", artworks[:3], tmp_path)], tiny_base_folder)


def test_test_works_without_tags_are_refused(tiny_base_folder, artworks, tmp_path):
    untagged = [dataclasses.replace(work, tags=()) for work in artworks[:4]]
    with pytest.raises(LowQualityData, match=r"0\.png, 3\.png"):
        study([Subject("Any", untagged, tmp_path)], tiny_base_folder)


def test_a_blank_test_work_is_refused_before_training(tiny_base_folder, artworks, tmp_path):
    Image.new("RGB", (40, 40), "white").save(tmp_path / "blank.png")
    blank = dataclasses.replace(artworks[0], path=tmp_path / "blank.png")
    with pytest.raises(LowQualityData, match=r"blank\.png is blank"):
        study([Subject("Any", [blank, *artworks[1:4]], tmp_path)], tiny_base_folder)
    assert not (tmp_path / "training").exists()
