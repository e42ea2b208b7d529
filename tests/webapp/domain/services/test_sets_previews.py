from webapp.domain.decoding_slots import START_BYTES, memory_needed
from webapp.domain.images import MEGABYTE, ImageHeader
from webapp.domain.services import sets_previews


def test_a_preview_needs_memory_for_a_small_copy_and_one_mask():
    of_a_whole_photo = memory_needed(ImageHeader("PNG", 8000, 6000, "", 0))
    of_a_preview = sets_previews.memory_needed(8000, 6000, 3)
    assert START_BYTES + 2 * 8000 * 6000 < of_a_preview < of_a_whole_photo / 2


def test_each_part_of_a_preview_needs_memory_in_its_size():
    few, many = (sets_previews.memory_needed(8000, 6000, parts) for parts in (1, 61))
    assert many - few == 60 * sets_previews.PART_BYTES * 1024 * 768


def test_a_small_photo_is_not_enlarged():
    assert sets_previews.memory_needed(320, 256, 2) < START_BYTES + 5 * MEGABYTE
