from gpu.layouts.typography import Style, Weight, drawable, fitted, font, width_of

STYLE = Style(32, Weight.REGULAR, (0, 0, 0))


def test_the_syllables_of_korean_are_drawn_in_both_weights():
    syllables = [chr(code) for code in range(0xAC00, 0xD7A4)]
    usual = "".join(each for each in syllables if len(each.encode("euc_kr")) == 2)  # KS X 1001
    assert len(usual) == 2350
    assert drawable(usual) == usual
    for weight in Weight:
        small = font(Style(12, weight, (0, 0, 0)))
        looks = {bytes(small.getmask(each)) for each in ("□", *"가각간갇갈감갑값")}
        assert len(looks) == 9


def test_a_syllable_without_a_glyph_becomes_a_box():
    assert drawable("가펲") == "가□"


def test_letters_without_a_glyph_lose_their_accents_or_become_a_box():
    assert drawable("Dvořák ŝtudio") == "Dvorak studio"
    assert drawable("東京 room") == "□□ room"
    assert drawable("a\u202eb\x00c\n d") == "abc d"


def test_a_composed_and_a_decomposed_name_look_the_same():
    assert drawable("\u1112\u1161\u11ab") == "한"


def test_a_line_that_is_too_long_ends_in_an_ellipsis_within_its_width():
    text = "한강뷰 아파트 " * 20
    line = fitted(text, STYLE, 400)
    assert line.endswith("…")
    assert text.startswith(line[:-1])
    assert 300 < width_of(line, STYLE) <= 400
    assert fitted("Sage", STYLE, 400) == "Sage"
    assert not fitted("Sage", STYLE, 2)


def test_the_bold_font_is_bolder():
    bold = Style(32, Weight.BOLD, (0, 0, 0))
    assert sum(font(bold).getmask("Wall")) > 1.2 * sum(font(STYLE).getmask("Wall"))
