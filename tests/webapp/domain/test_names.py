import pytest

from webapp.domain import names


def look_alike(one, other):
    return not names.keys(one).isdisjoint(names.keys(other))


@pytest.mark.parametrize(
    "one, other",
    [
        ("mina", "MINA"),
        ("mina", "m\u0456na"),  # a Cyrillic letter
        ("nina", "\u039dina"),  # a Greek one
        ("paypal", "p\u0430yp\u0430l"),
        ("mina", "rnina"),
        ("Ink", "lnk"),
        ("Ink", "ink"),
        ("min0", "mino"),
        ("1and1", "landl"),
        ("mina", "\uff4dina"),  # full width
        ("J. Han", "J.Han"),
        ("J. Han", "J.\u00a0Han"),
        ("mina", "mi\u3164na"),
        ("서하늘", "\u1109\u1165\u1112\u1161\u1102\u1173\u11af"),  # composed and not
    ],
)
def test_names_that_look_the_same_share_a_key(one, other):
    assert look_alike(one, other)


@pytest.mark.parametrize(
    "one, other",
    [("mina", "minho"), ("ian", "lan"), ("v", "n"), ("José", "Jose"), ("서하늘", "서하눌")],
)
def test_names_that_look_different_share_none(one, other):
    assert not look_alike(one, other)


@pytest.mark.parametrize(
    "name, romanised",
    [
        ("바다의 노래", "badayi norae"),
        ("うみ", "umi"),
        ("Café 바다-2", "Cafe bada-2"),
        ("Кот", None),
        ("水の歌", None),
    ],
)
def test_a_name_is_romanised_as_a_whole_or_not_at_all(name, romanised):
    assert names.wholly_romanised(name) == romanised


@pytest.mark.parametrize("name", ["바다의 노래", "Кот 2", "水の歌", "Rock 'n' Roll", "नमस्ते"])
def test_letters_of_any_script_make_words(name):
    assert names.has_only_words(name)


@pytest.mark.parametrize("name", ["<b>", "바다!", "cat🐈", "a/b", "a;b"])
def test_signs_make_none(name):
    assert not names.has_only_words(name)


@pytest.mark.parametrize("name, width", [("ab", 2), ("바다", 4), ("水", 2), ("산 1", 4)])
def test_a_syllable_is_as_wide_as_two_letters(name, width):
    assert names.width(name) == width


@pytest.mark.parametrize(
    "name",
    ["admin", "ADMIN", "ad.min", "_admin_", "\u0430dmin", "adm1n", "r00t", "Style License"],
)
def test_names_of_the_site_are_reserved_in_any_disguise(name):
    assert names.is_reserved(name)


@pytest.mark.parametrize("name", ["mina", "Administrator Han", "Supporting", "J. Han", "서하늘"])
def test_other_names_are_not(name):
    assert not names.is_reserved(name)


@pytest.mark.parametrize(
    "name",
    [
        "a\u200bb", "\u3164", "\uffa0a", "a\ufeff", "a\u202eb", "a\u00adb", "a\ufe0f", "\u2800",
        "e\u0301\u0301\u0301\u0301\u0301", "a\ue000", "a\u2028b", "a\U000e0041",
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_found(name):
    assert not names.is_visible(name)
    assert names.is_visible(names.visible_part(name))


@pytest.mark.parametrize("name", ["서하늘", "José", "Nguyễn", "שָׁלוֹם", "สวัสดี", "J. Han", "李小龍"])
def test_names_in_any_script_can_be_seen(name):
    assert names.is_visible(name)


@pytest.mark.parametrize(
    "name, read",
    [
        ("서하늘", "seohaneul"),
        ("Mina Park", "Mina Park"),
        ("José", "Jose"),
        ("Анна", ""),
        ("ひかり", "hikari"),
        ("李小龍", ""),
    ],
)
def test_letters_are_read_as_unicode_names_them(name, read):
    assert names.romanised(name) == read


def test_a_tidy_name_has_single_blanks():
    assert names.normalise("  J.\u00a0 Han\n") == "J. Han"
