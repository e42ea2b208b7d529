from datetime import datetime

import pytest

from gpu.layouts.album import InvalidAlbum, Variant
from tests.albums import BLUE, GREEN, MODERN, NATURAL, album, photo


@pytest.mark.parametrize(
    "field, make",
    [
        ("photos", lambda: album(photo(1), photo(1))),
        ("photos", lambda: album(photo(0, "garden"))),
        ("photos", lambda: album(photo(0, results={"job_9": BLUE}))),
        ("variants", lambda: album(variants=())),
        (
            "variants",
            lambda: album(variants=tuple(Variant(f"job_{number}", "A") for number in range(1, 10))),
        ),
        ("variants", lambda: album(variants=(MODERN, MODERN))),
        ("chosen", lambda: album(photo(0), chosen=(4,))),
        ("chosen", lambda: album(photo(0), cover=4)),
    ],
)
def test_an_invalid_album_is_refused_with_its_field(field, make):
    with pytest.raises(InvalidAlbum) as error:
        make()
    assert error.value.field == field


def test_a_time_without_zone_is_refused():
    sample = album()
    with pytest.raises(InvalidAlbum, match="time zone"):
        type(sample)(**{**vars(sample), "made_at": datetime(2026, 1, 1)})  # noqa: DTZ001


def test_photos_are_ordered_by_group():
    sample = album(photo(0, "other"), photo(3, "living"), photo(1, "living"), photo(2, "kitchen"))
    assert [each.idx for each in sample.in_order()] == [3, 1, 2, 0]


def test_featured_photos_are_the_first_of_each_group():
    sample = album(photo(0), photo(1), photo(2, "kitchen"), photo(3, "other", results={}))
    assert [each.idx for each in sample.featured(2)] == [0, 2]
    assert [each.idx for each in sample.featured(9)] == [0, 2, 1]


def test_featured_photos_are_the_cover_and_the_chosen_ones():
    sample = album(photo(0), photo(1), photo(2), cover=2, chosen=(1, 2))
    assert [each.idx for each in sample.featured(9)] == [2, 1]


def test_a_photo_has_no_colours_of_concepts_that_it_does_not_show():
    sample = photo(0, results={"job_2": GREEN}, colours={"job_2": ()})
    assert sample.colours_of(NATURAL) == ()
    assert sample.colours_of(MODERN) == MODERN.colours
