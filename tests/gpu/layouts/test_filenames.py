import re

from hypothesis import given, strategies as st

from gpu.layouts.filenames import base, folder_of, photo_name, slug


def test_names_are_readable_in_any_script():
    assert photo_name(3, "kitchen", "C:\\photos\\주방 정면 (2).JPG") == "003_kitchen_주방_정면_2"
    assert photo_name(0, "living", "../../etc/passwd") == "000_living_passwd"
    assert folder_of(2, "Natural & warm") == "2_Natural_warm"
    assert base("a/b\\c.png") == "c.png"


def test_a_name_without_valid_characters_gets_the_default():
    assert slug("../..", "photo") == "photo"
    assert photo_name(7, "", ".jpg") == "007_group_jpg"


@given(st.text(max_size=120))
def test_no_name_contains_a_separator_a_dot_or_a_control_character(text):
    name = slug(text, "photo")
    assert 1 <= len(name) <= 48
    assert re.fullmatch(r"[\w-]+", name)
