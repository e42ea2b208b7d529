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
        ("variants", lambda: album(variants=tuple(Variant(f"job_{n}", "A") for n in range(1, 10)))),
        ("variants", lambda: album(variants=(MODERN, MODERN))),
        ("chosen", lambda: album(photo(0), chosen=(4,))),
        ("chosen", lambda: album(photo(0), cover=4)),
    ],
)
def test_an_album_that_contradicts_itself_is_refused_with_its_field(field, make):
    with pytest.raises(InvalidAlbum) as refused:
        make()
    assert refused.value.field == field


def test_a_time_without_zone_is_refused():
    made = album()
    with pytest.raises(InvalidAlbum, match="time zone"):
        type(made)(**{**vars(made), "made_at": datetime(2026, 1, 1)})  # noqa: DTZ001


def test_photos_come_by_group_and_within_it_as_they_were_given():
    made = album(photo(0, "other"), photo(3, "living"), photo(1, "living"), photo(2, "kitchen"))
    assert [each.idx for each in made.in_order()] == [3, 1, 2, 0]


def test_a_page_with_few_places_shows_one_photo_of_each_group_first():
    made = album(photo(0), photo(1), photo(2, "kitchen"), photo(3, "other", results={}))
    assert [each.idx for each in made.featured(2)] == [0, 2]
    assert [each.idx for each in made.featured(9)] == [0, 2, 1]


def test_the_cover_and_the_chosen_photos_come_first_and_alone():
    made = album(photo(0), photo(1), photo(2), cover=2, chosen=(1, 2))
    assert [each.idx for each in made.featured(9)] == [2, 1]


def test_a_photo_leaves_out_colours_of_what_it_does_not_show():
    shown = photo(0, results={"job_2": GREEN}, absent=frozenset({"Floor"}))
    assert shown.colours_of(NATURAL) == ()
    assert shown.colours_of(MODERN) == MODERN.colours
