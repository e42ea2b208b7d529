import numpy as np
from PIL import Image

from gpu.layouts.cropping import around_product

BACKDROP, PRODUCT = (230, 225, 220), (40, 60, 120)


def photo(size, box):
    image = Image.new("RGB", size, BACKDROP)
    image.paste(PRODUCT, box)
    return image


def product_box(image):
    rows, columns = np.nonzero((np.asarray(image).astype(int) - PRODUCT).max(axis=-1) < 60)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_a_square_crop_is_centred_on_the_product():
    left, top, right, bottom = product_box(
        around_product(photo((400, 300), (290, 100, 350, 200)), (300, 300))
    )
    assert (right - left, bottom - top) == (60, 100)  # the scale does not change
    assert (left, top) == (190, 100)  # as near to the centre as the border of the photo allows


def test_a_product_that_a_square_would_cut_is_fitted_on_its_backdrop():
    square = around_product(photo((400, 200), (20, 80, 380, 120)), (200, 200))
    assert product_box(square) == (10, 90, 190, 110)
    assert square.getpixel((100, 2)) == BACKDROP


def test_a_photo_without_a_product_is_cropped_to_its_centre():
    assert around_product(photo((300, 200), (0, 0, 0, 0)), (100, 100)).size == (100, 100)
