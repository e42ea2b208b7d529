import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from webapp.domain import decoding_slots
from webapp.domain.decoding_slots import UNIT_BYTES, UNITS, DecoderBusy, memory_needed, slot
from webapp.domain.images import MEGABYTE, ImageHeader

ALL = UNITS * UNIT_BYTES
ROOT = Path(__file__).parents[3]
HOLD = """
import sys
from pathlib import Path
from webapp.domain import decoding_slots
decoding_slots._folder = lambda: Path(sys.argv[1])
with decoding_slots.slot(9, int(sys.argv[2]), 0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding_slots, "_folder", lambda: tmp_path)
    return tmp_path


def header(width, height, file_format="PNG", size=MEGABYTE):
    return ImageHeader(file_format, width, height, "", size)


def test_a_jpeg_that_becomes_a_png_needs_more_and_a_png_does_not():
    jpeg, png = (ImageHeader(kind, 8000, 6000, "0" * 64, 1) for kind in ("JPEG", "PNG"))
    assert memory_needed(jpeg, is_exact=True) == memory_needed(jpeg) + 3 * 48_000_000
    assert memory_needed(png, is_exact=True) == memory_needed(png)


def test_all_together_stay_within_a_gigabyte_and_a_half():
    assert ALL < 1536 * MEGABYTE
    for file_format in ("JPEG", "PNG"):
        units = -(-memory_needed(header(7000, 7000, file_format)) // UNIT_BYTES)
        assert 2 * units <= UNITS < 3 * units


def test_a_photograph_that_is_kept_small_needs_less_where_both_its_sides_can_be_halved():
    photograph, strip = header(7000, 7000, "JPEG"), header(49_000, 1000, "JPEG")
    assert memory_needed(photograph, 512) < memory_needed(photograph)
    assert memory_needed(strip, 512) == memory_needed(strip)
    drawing = header(7000, 7000, "PNG")
    assert memory_needed(drawing, 512) == memory_needed(drawing)


def test_many_small_pictures_are_decoded_at_once_and_large_ones_are_not():
    with ExitStack() as small:
        for person_id in (1, 2, 3):
            small.enter_context(slot(person_id, UNIT_BYTES, 0))
        with pytest.raises(DecoderBusy), slot(4, ALL, 0):
            pass
    with slot(4, ALL, 0):
        pass


def test_a_picture_that_needs_more_than_there_is_has_all_of_it():
    with slot(1, 10 * ALL, 0), pytest.raises(DecoderBusy), slot(2, 1, 0):
        pass


def test_one_person_decodes_one_image_at_a_time():
    with slot(1, 1, 0):
        with pytest.raises(DecoderBusy), slot(1, 1, 0):
            pass
        with slot(2, 1, 0):
            pass


def test_who_waits_long_enough_has_the_slot_after_the_one_before():
    begun, done = threading.Event(), []

    def follow():
        begun.set()
        with slot(2, ALL, 60):
            done.append("second")

    with slot(1, ALL, 0):
        follower = threading.Thread(target=follow)
        follower.start()
        begun.wait()
        done.append("first")
    follower.join()
    assert done == ["first", "second"]


def test_slots_are_shared_by_processes_and_one_that_dies_gives_its_own_back(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(ALL)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(DecoderBusy), slot(1, 1, 0):
        pass
    process.kill()
    process.communicate()
    with slot(1, ALL, 0):
        pass
