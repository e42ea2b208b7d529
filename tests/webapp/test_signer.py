"""The check at upload is the signer's: what passes can sign, what does not could never."""

import pytest
from PIL import Image

from gpu.signature.ink import BlankSignature, prepare_ink
from tests import images, making
from webapp.signer import can_sign


def drawing(width, height, *, size=(300, 100)):
    made = Image.new("RGBA", size)
    made.paste("black", (0, 0, width, height))
    return made


def test_a_drawn_name_can_sign():
    assert can_sign(making.signature_png())


@pytest.mark.parametrize("width, height", [(1, 1), (2, 1), (3, 3), (11, 1)])
def test_a_speck_can_not(width, height):
    made = drawing(width, height)
    assert not can_sign(images.encoded(made))
    with pytest.raises(BlankSignature):
        prepare_ink(made)


@pytest.mark.parametrize("width, height", [(300, 1), (1, 100), (300, 100), (6, 6)])
def test_whatever_has_ink_enough_can(width, height):
    made = drawing(width, height, size=(301, 101))
    assert can_sign(images.encoded(made)) == is_ink(made)
    assert is_ink(made)


def is_ink(made):
    try:
        prepare_ink(made)
    except BlankSignature:
        return False
    return True


def test_what_is_no_picture_cannot():
    assert not can_sign(b"\x89PNG no more")
