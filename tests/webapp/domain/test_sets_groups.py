import unicodedata

import pytest

from webapp.domain.sets_groups import suggested_group
from webapp.domain.sets_presets import preset


@pytest.mark.parametrize(
    "filename, group",
    [
        ("bathroom-1.jpg", "bathroom"),
        ("BATH2.JPG", "bathroom"),
        ("LivingRoom_03.png", "living"),
        ("우리집 욕실1.jpg", "bathroom"),
        ("신축아파트주방사진.jpg", "kitchen"),
        ("안방.jpg", "bedroom"),
        ("hall.kitchenette.jpg", ""),  # two rooms
        ("challenge.jpg", ""),  # a word is whole
        ("Bathurst street.jpg", ""),
        ("IMG_2031.jpg", ""),
        ("", ""),
    ],
)
def test_the_name_of_a_file_suggests_a_kind_of_room(filename, group):
    assert suggested_group(preset("interior"), filename) == group


@pytest.mark.parametrize(
    "filename, group",
    [
        ("mug_main.jpg", "main"),
        ("Close-up 2.png", "detail"),
        ("텀블러상세컷.jpg", "detail"),
        ("착용샷3.jpg", "worn"),
        ("packaging.jpg", "package"),
        ("bath-towel.jpg", ""),
    ],
)
def test_the_name_of_a_file_suggests_a_kind_of_shot(filename, group):
    assert suggested_group(preset("seller"), filename) == group


def test_hangul_in_separate_letters_is_read_too():
    name = unicodedata.normalize("NFD", "거실.jpg")
    assert name != "거실.jpg"
    assert suggested_group(preset("interior"), name) == "living"
