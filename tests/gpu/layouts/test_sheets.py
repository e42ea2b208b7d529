import io

import numpy as np
import pytest
from PIL import Image

from gpu.layouts.album import Colour, InvalidAlbum, Language, Photo, Variant
from gpu.layouts.before_after import before_after_sheets
from gpu.layouts.client_card import client_card_sheets
from gpu.layouts.option_board import option_board_sheets
from gpu.layouts.page import PAPER, decoded
from gpu.layouts.product_pack import product_pack_sheets
from gpu.layouts.proposals import proposal_sheets
from gpu.layouts.thumbnails import thumbnail_sheets
from tests.albums import (
    BLUE,
    GOLD,
    GREEN,
    HOTEL,
    MODERN,
    NATURAL,
    RED,
    SHOTS,
    album,
    levels,
    photo,
    reader,
    share_of,
)

THREE = {"job_1": BLUE, "job_2": GREEN, "job_3": GOLD}


def test_before_is_on_the_left_and_after_on_the_right():
    (sheet,) = before_after_sheets(album())
    picture = levels(sheet.jpeg)
    middle = picture.shape[1] // 2
    assert share_of(picture[:, :middle], RED) > 0.6
    assert share_of(picture[:, middle:], BLUE) > 0.6
    assert share_of(picture[:, :middle], BLUE) == 0
    assert share_of(picture[:60], PAPER) == 1
    assert share_of(picture[:, -90:], PAPER) == 1


def test_each_variant_of_each_photo_has_a_sheet_with_a_unique_name():
    sample = album(photo(0, results=THREE), photo(1, results={}), variants=(MODERN, NATURAL, HOTEL))
    names = [sheet.name for sheet in before_after_sheets(sample)]
    assert names == [f"000_living_living0_{each}" for each in ("1_Modern", "2_Natural", "3_Hotel")]


def test_texts_depend_on_the_language():
    english, korean = (
        next(before_after_sheets(album(language=language))).jpeg for language in Language
    )
    assert english != korean
    assert levels(english).shape == levels(korean).shape


def test_a_photo_without_the_concept_has_no_chip_of_its_colour():
    navy = (31, 42, 68)
    with_wall, without = (
        levels(next(before_after_sheets(album(photo(0, colours=colours)))).jpeg)
        for colours in ({}, {"job_1": ()})
    )
    assert share_of(with_wall, navy) > 0.0002 > share_of(without, navy)


def test_proposals_are_beside_the_original():
    sample = album(photo(0, results=THREE), variants=(MODERN, NATURAL, HOTEL))
    (sheet,) = proposal_sheets(sample)
    picture = levels(sheet.jpeg)
    shares = [share_of(picture, colour) for colour in (RED, BLUE, GREEN, GOLD)]
    assert min(shares) > 0.15
    assert max(shares) - min(shares) < 0.01


def test_a_failed_proposal_has_a_placeholder():
    sample = album(photo(0, results={"job_1": BLUE}), variants=(MODERN, NATURAL))
    picture = levels(next(proposal_sheets(sample)).jpeg)
    assert share_of(picture, RED) == pytest.approx(share_of(picture, BLUE), abs=0.01)
    assert share_of(picture, (240, 238, 233)) > 0.15


def test_more_than_three_proposals_are_refused():
    many = tuple(Variant(f"job_{number}", "A") for number in range(1, 5))
    with pytest.raises(InvalidAlbum) as error:
        next(proposal_sheets(album(variants=many)))
    assert error.value.field == "variants"


def test_a_client_card_is_an_a4_page_with_cover_pairs_and_chips():
    sample = album(photo(0), photo(1, "kitchen"), photo(2, "other"))
    (sheet,) = client_card_sheets(sample)
    image = Image.open(io.BytesIO(sheet.jpeg))
    assert image.size == (1654, 2339)
    assert image.info["dpi"] == (200, 200)
    picture = levels(sheet.jpeg)
    assert share_of(picture[:1000], BLUE) > 0.99
    assert share_of(picture[1250:], RED) == pytest.approx(share_of(picture[1250:], BLUE), abs=0.005)
    assert share_of(picture, (31, 42, 68)) > 0.001
    assert share_of(picture[-60:], PAPER) == 1


@pytest.mark.parametrize("count", [0, 1, 4, 5, 40])
def test_a_client_card_has_room_for_any_number_of_colours(count):
    colours = tuple(Colour("Wall", f"Paint {each}", "#1F2A44") for each in range(count))
    sample = album(variants=(Variant("job_1", "Modern", None, colours),))
    picture = levels(next(client_card_sheets(sample)).jpeg)
    assert share_of(picture[-60:], PAPER) == 1
    chips = share_of(picture, (31, 42, 68)) * picture.shape[0] * picture.shape[1] / 6200
    assert round(chips) == min(count, 5 if count > 6 else 6)


def test_a_chip_shows_the_picture_of_a_material():
    oak = Colour("Floor", "Oak", "#000000", reader(GOLD, (64, 64)))
    (sheet,) = client_card_sheets(album(variants=(Variant("job_1", "Modern", None, (oak,)),)))
    picture = levels(sheet.jpeg)
    assert share_of(picture, GOLD) > 0.001


def test_an_invalid_colour_is_refused():
    invalid = Variant("job_1", "Modern", None, (Colour("Wall", "Navy", "navy"),))
    with pytest.raises(InvalidAlbum):
        next(before_after_sheets(album(variants=(invalid,))))


def test_a_board_shows_the_product_in_every_option():
    sample = album(
        photo(0, "main", size=(100, 100), results=THREE),
        groups=SHOTS,
        variants=(MODERN, NATURAL, HOTEL),
    )
    (sheet,) = option_board_sheets(sample)
    picture = levels(sheet.jpeg)
    assert min(share_of(picture, colour) for colour in (RED, BLUE, GREEN, GOLD)) > 0.1


def test_a_pack_shows_present_and_missing_photos():
    sample = album(photo(0, "main"), photo(1, "detail"), photo(2, "package"), groups=SHOTS)
    (sheet,) = product_pack_sheets(sample)
    picture = levels(sheet.jpeg)
    large, small = 868 * 938, 418 * 418
    shown = share_of(picture, BLUE) * picture.shape[0] * picture.shape[1]
    assert shown == pytest.approx(large + 2 * small, rel=0.05)
    assert share_of(picture, (240, 238, 233)) > 0.1


def test_thumbnails_are_square_and_alternate_between_the_variants():
    sample = album(
        *(photo(index, "main", results={"job_1": BLUE, "job_2": GREEN}) for index in range(5)),
        groups=SHOTS,
        variants=(MODERN, NATURAL),
    )
    sheets = list(thumbnail_sheets(sample))
    assert len(sheets) == 8
    assert sheets[0].name == "01_main_Modern"
    assert sheets[1].name == "02_main_Natural"
    assert {levels(sheet.jpeg).shape for sheet in sheets} == {(1000, 1000, 3)}
    assert [share_of(levels(sheet.jpeg), BLUE) for sheet in sheets[:2]] == [1, 0]


def test_transparent_pixels_become_white():
    stream = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 4), np.uint8)).save(stream, "PNG")
    assert np.asarray(decoded(stream.getvalue)).min() == 255


def test_a_photo_of_any_shape_has_a_sheet():
    for size in ((400, 20), (20, 400)):
        wide = Photo(0, "living", "a.jpg", reader(RED, size), {"job_1": reader(BLUE, size)})
        picture = levels(next(before_after_sheets(album(wide))).jpeg)
        assert share_of(picture, RED) > 0
        assert share_of(picture, BLUE) > 0
