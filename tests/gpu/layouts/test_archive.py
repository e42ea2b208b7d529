import hashlib
import io
import json
import zipfile

import pytest

from gpu.layouts.album import InvalidAlbum, Layout, Photo
from gpu.layouts.archive import SHEETS, archive_pieces
from imaging.refusal import PictureRefused
from tests.albums import (
    BLUE,
    GREEN,
    MODERN,
    NATURAL,
    RED,
    SHOTS,
    album,
    file_of,
    photo,
    reader,
)
from webapp.domain.sets_presets import presets

TWO = {"job_1": BLUE, "job_2": GREEN}


def archived(sample, layout):
    pieces, manifests = [], []

    def taken():
        manifests.append((yield from archive_pieces(sample, layout)))

    pieces.extend(taken())
    return manifests[0], zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


def test_every_template_of_every_preset_has_a_layout():
    templates = {each.id for preset in presets() for each in preset.templates}
    assert templates == {layout.value for layout in Layout} == {each.value for each in SHEETS}


def test_results_are_copied_byte_for_byte_and_hashed_in_the_manifest():
    sample = album(photo(0, results=TWO), photo(1, "kitchen"), variants=(MODERN, NATURAL))
    _, archive = archived(sample, Layout.BEFORE_AFTER)
    manifest_json = json.loads(archive.read("manifest.json"))
    assert archive.testzip() is None
    entries = [file for each in manifest_json["photos"] for file in each["files"]] + manifest_json[
        "sheets"
    ]
    assert sorted([*(each["path"] for each in entries), "manifest.json"]) == sorted(
        archive.namelist()
    )
    for entry in entries:
        content = archive.read(entry["path"])
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert len(content) == entry["bytes"]
    assert archive.read("results/2_Natural/000_living_living0.png") == file_of(GREEN)


def test_the_manifest_describes_the_jobs_of_the_archive():
    sample = album(photo(0, results=TWO), photo(1), variants=(MODERN, NATURAL))
    manifest_json = json.loads(archived(sample, Layout.PROPOSALS)[1].read("manifest.json"))
    assert {
        key: manifest_json[key] for key in ("template", "preset", "title", "language", "made_at")
    } == {
        "template": "proposal3",
        "preset": "interior",
        "title": "Riverside",
        "language": "en",
        "made_at": "2026-11-28T09:30:15+00:00",
    }
    assert manifest_json["jobs"][0] == {
        "job": "job_1",
        "name": "Modern",
        "rule": "rule_1",
        "colours": [{"concept": "Wall", "name": "Navy", "hex": "#1F2A44"}],
    }
    assert [each["missing_jobs"] for each in manifest_json["photos"]] == [[], ["job_2"]]
    assert manifest_json["photos"][0]["filename"] == "living0.jpg"
    assert manifest_json["version"] == 1


def test_the_same_album_gives_the_same_bytes():
    first, second = (
        b"".join(archive_pieces(album(photo(0), photo(1)), Layout.CLIENT_CARD)) for _ in range(2)
    )
    assert first == second


def test_an_archive_in_pieces_is_the_zip_that_is_written_to_a_file():
    _, archive = archived(album(photo(0), photo(1)), Layout.BEFORE_AFTER)
    assert archive.testzip() is None
    assert archive.namelist()[-1] == "manifest.json"
    for entry in archive.infolist():
        assert entry.flag_bits == 0, "sizes stand before the file, for who reads from the front"
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as copy:
        for entry in archive.infolist():
            copy.writestr(entry, archive.read(entry))
    assert whole.getvalue() == archive.fp.getvalue()


def test_each_piece_holds_one_file():
    pieces = list(archive_pieces(album(photo(0), photo(1)), Layout.BEFORE_AFTER))
    files = zipfile.ZipFile(io.BytesIO(b"".join(pieces))).infolist()
    assert len(pieces) == len(files)
    sizes = [entry.file_size for entry in files[:-1]]
    assert all(len(piece) < size + 200 for piece, size in zip(pieces, sizes, strict=False))


def test_each_result_is_written_before_the_next_is_read():
    taken, positions = [], []

    def recorded(idx):
        content = file_of(BLUE, (60, 40))

        def read():
            positions.append(len(taken))
            return content

        return Photo(idx, "living", "a.png", reader(RED), {"job_1": read})

    taken.extend(archive_pieces(album(*map(recorded, range(4))), Layout.BEFORE_AFTER))
    assert len(positions) == 8  # once for the result, once for its sheet
    assert positions == sorted(set(positions))


def test_photos_of_one_name_have_separate_files():
    sample = album(photo(0, filename="IMG.jpg"), photo(1, filename="img.jpg"))
    _, archive = archived(sample, Layout.BEFORE_AFTER)
    names = [name.casefold() for name in archive.namelist()]
    assert len(set(names)) == len(names) == 5


def test_variants_of_one_name_have_separate_folders():
    namesake = type(NATURAL)("job_2", "Modern")
    _, archive = archived(
        album(photo(0, results=TWO), variants=(MODERN, namesake)), Layout.PROPOSALS
    )
    assert len(set(archive.namelist())) == len(archive.namelist()) == 4


def test_a_pack_names_its_files_by_shot_and_lists_what_is_missing():
    sample = album(
        photo(4, "main"),
        *(photo(index, "detail") for index in (0, 1, 2, 5, 6)),
        photo(3, "package", results={}),
        groups=SHOTS,
    )
    manifest, archive = archived(sample, Layout.PRODUCT_PACK)
    assert archive.namelist() == [
        "pack/1_Modern/main_1.png",
        "pack/1_Modern/detail_1.png",
        "pack/1_Modern/detail_2.png",
        "pack/1_Modern/detail_3.png",
        "pack/1_Modern/detail_4.png",
        "results/1_Modern/006_detail_detail6.png",
        "sheets/pack_1_Modern.jpg",
        "manifest.json",
    ]
    missing = [(each.job, each.group, each.wanted, each.found) for each in manifest.missing]
    assert missing == [("job_1", "worn", 1, 0), ("job_1", "package", 1, 0)]


def test_fewer_than_eight_thumbnails_are_listed_as_missing():
    manifest, archive = archived(album(photo(0), photo(1)), Layout.THUMBNAILS)
    assert [name for name in archive.namelist() if name.startswith("thumbnails/")] == [
        "thumbnails/01_living_Modern.jpg",
        "thumbnails/02_living_Modern.jpg",
    ]
    assert [(each.wanted, each.found) for each in manifest.missing] == [(8, 2)]


def test_a_card_without_results_is_listed_as_missing():
    sample = album(photo(0, results=TWO), photo(1), variants=(MODERN, NATURAL), chosen=(1,))
    manifest, _ = archived(sample, Layout.CLIENT_CARD)
    assert [each.path for each in manifest.sheets] == ["sheets/client_card_1_Modern.jpg"]
    assert [(each.job, each.wanted, each.found) for each in manifest.missing] == [("job_2", 1, 0)]


def test_a_jpeg_has_the_suffix_jpg():
    sample = album(
        Photo(0, "living", "a.png", reader(RED), {"job_1": reader(BLUE, (64, 64), "JPEG")})
    )
    assert archived(sample, Layout.OPTION_BOARD)[1].namelist()[0].endswith("000_living_a.jpg")


def test_an_album_without_a_result_is_refused():
    with pytest.raises(InvalidAlbum, match="no result"):
        archived(album(photo(0, results={})), Layout.BEFORE_AFTER)


def test_a_result_that_is_not_a_picture_is_refused():
    gif_photo = Photo(0, "living", "a.jpg", reader(RED), {"job_1": lambda: b"GIF89a"})
    with pytest.raises(InvalidAlbum, match="PNG or JPEG"):
        archived(album(gif_photo), Layout.BEFORE_AFTER)
    damaged = Photo(0, "living", "a.jpg", reader(RED), {"job_1": lambda: file_of(BLUE)[:60]})
    with pytest.raises(PictureRefused):
        archived(album(damaged), Layout.BEFORE_AFTER)
