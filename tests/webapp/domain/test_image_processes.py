import functools
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from tests import images as made
from webapp.domain import confinement, decoding_slots, image_processes
from webapp.domain.decoding_slots import DecoderBusy
from webapp.domain.image_decoding import sanitise
from webapp.domain.image_processes import (
    DecoderUnavailable,
    ProcessLimits,
    Upload,
    sanitise_in_subprocess,
)
from webapp.domain.images import (
    MEGABYTE,
    PROFILE_IMAGE,
    SIGNATURE_IMAGE,
    TRAINING_IMAGE,
    BadImage,
    SafeImage,
)

sanitise_many_in_subprocess = functools.partial(
    image_processes.sanitise_many_in_subprocess, person_id=1
)


@pytest.fixture(autouse=True)
def _slots_of_our_own(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding_slots, "_folder", lambda: tmp_path)


def uploads(*files):
    return [Upload(data, TRAINING_IMAGE) for data in files]


def children():
    """Decoding processes of ours that are alive or not yet collected; not what other tests run."""
    own = f"/proc/self/task/{threading.get_native_id()}/children"
    found = [int(child) for child in Path(own).read_text().split()]
    return [child for child in found if is_decoder(child)]


def is_decoder(child):
    command = Path(f"/proc/{child}/cmdline").read_bytes()
    return not command or b"image_decoding" in command  # a dead one has no command line left


@pytest.fixture(autouse=True)
def _no_process_is_left_behind():
    before = children()
    yield
    assert set(children()) <= set(before)


def test_a_child_gives_what_the_function_gives():
    assert sanitise_in_subprocess(made.jpeg(), TRAINING_IMAGE, person_id=1) == sanitise(
        made.jpeg(), TRAINING_IMAGE
    )
    drawn = made.png_with_alpha(100)
    decoded = sanitise_in_subprocess(drawn, SIGNATURE_IMAGE, person_id=1, keep_alpha=True)
    assert decoded == sanitise(drawn, SIGNATURE_IMAGE, keep_alpha=True)


def test_a_verdict_comes_back_whole():
    with pytest.raises(BadImage) as caught:
        sanitise_in_subprocess(made.png(100, 90), TRAINING_IMAGE, person_id=1)
    found = caught.value
    assert (found.code, found.actual, found.limit) == (
        "IMAGE_RESOLUTION_TOO_LOW",
        "100x90",
        "512x512",
    )


def test_one_child_serves_many_files_in_their_order():
    files = [made.png(), made.gif(), made.half_of(made.png()), made.jpeg(), b"", made.cmyk_jpeg()]
    results = list(sanitise_many_in_subprocess(uploads(*files)))
    codes = [result.code if isinstance(result, BadImage) else result.format for result in results]
    assert codes == [
        "PNG",
        "INVALID_IMAGE_FORMAT",
        "IMAGE_CORRUPT",
        "JPEG",
        "INVALID_IMAGE_FORMAT",
        "JPEG",
    ]


@pytest.mark.parametrize(
    "limits", [ProcessLimits(cpu_seconds=1), ProcessLimits(wall_seconds=15)], ids=["cpu", "wall"]
)
def test_a_file_that_would_decode_for_hours_is_corrupt_and_the_rest_goes_on(limits):
    files = uploads(made.png(), made.endless_jpeg(scans=100, side=7000), made.jpeg())
    first, endless, last = sanitise_many_in_subprocess(files, process_limits=limits)
    assert isinstance(first, SafeImage)
    assert isinstance(endless, BadImage)
    assert endless.code == "IMAGE_CORRUPT"
    assert isinstance(last, SafeImage)


def test_a_file_that_needs_too_much_memory_is_corrupt_and_the_rest_goes_on():
    tight = ProcessLimits(memory_bytes=400 * MEGABYTE)
    large = made.encoded(made.half_and_half(7000, 7000), "PNG", compress_level=1)
    first, last = sanitise_many_in_subprocess(uploads(large, made.jpeg()), process_limits=tight)
    assert isinstance(first, BadImage)
    assert first.code == "IMAGE_CORRUPT"
    assert isinstance(last, SafeImage)


def test_a_child_killed_from_outside_is_not_held_against_the_image():
    def files():
        yield Upload(made.png(), TRAINING_IMAGE)
        (child,) = children()
        os.kill(child, signal.SIGKILL)
        yield Upload(made.jpeg(), TRAINING_IMAGE)

    results = list(sanitise_many_in_subprocess(files()))
    assert [type(result) for result in results] == [SafeImage, SafeImage]


@pytest.mark.parametrize(
    "file, code",
    [
        (made.gif(), "INVALID_IMAGE_FORMAT"),
        (made.png(100, 90), "IMAGE_RESOLUTION_TOO_LOW"),
        (made.png_claiming(20_000, 20_000), "IMAGE_TOO_LARGE_PIXELS"),
        (made.heavy(TRAINING_IMAGE.max_bytes + 1), "IMAGE_SIZE_EXCEEDED"),
        (made.png(8200, 512), "IMAGE_TOO_LONG"),
    ],
)
def test_what_the_header_says_needs_no_child(monkeypatch, file, code):
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    with pytest.raises(BadImage) as caught:
        sanitise_in_subprocess(file, TRAINING_IMAGE, person_id=1)
    assert caught.value.code == code


def test_a_jpeg_of_three_thousand_scans_is_refused_within_a_second_of_processor_time():
    data = made.endless_jpeg(scans=3000)
    limits = ProcessLimits(cpu_seconds=1)
    first, last = sanitise_many_in_subprocess(uploads(data, made.jpeg()), process_limits=limits)
    assert isinstance(first, BadImage)
    assert isinstance(last, SafeImage)


def test_a_child_is_given_the_memory_that_the_size_of_its_file_needs():
    def files():
        for data in (made.png(), made.encoded(made.half_and_half(3500, 3500), compress_level=1)):
            yield Upload(data, TRAINING_IMAGE)
            (child,) = children()
            limit = Path(f"/proc/{child}/limits").read_text()
            [line] = [each for each in limit.splitlines() if each.startswith("Max address space")]
            allowed.append(int(line.split()[3]))

    allowed = []
    assert all(isinstance(each, SafeImage) for each in sanitise_many_in_subprocess(files()))
    small, large = allowed
    assert small < 450 * MEGABYTE
    assert large - small > 100 * MEGABYTE


def test_a_child_can_read_no_file_and_is_not_root():
    def files():
        yield Upload(made.png(), TRAINING_IMAGE)
        (child,) = children()
        limits = Path(f"/proc/{child}/limits").read_text()
        [line] = [each for each in limits.splitlines() if each.startswith("Max open files")]
        assert line.split()[3:5] == ["0", "0"]
        assert Path(f"/proc/{child}").stat().st_uid == (os.getuid() or confinement.NOBODY)

    assert len(list(sanitise_many_in_subprocess(files()))) == 1


def test_one_image_more_than_there_is_memory_for_waits_and_is_then_refused():
    limits = ProcessLimits(slot_seconds=0)
    everything = decoding_slots.UNITS * decoding_slots.UNIT_BYTES
    with decoding_slots.slot(2, everything, 0), pytest.raises(DecoderBusy):
        sanitise_in_subprocess(made.png(), TRAINING_IMAGE, person_id=1, process_limits=limits)
    found = sanitise_in_subprocess(made.png(), TRAINING_IMAGE, person_id=1, process_limits=limits)
    assert isinstance(found, SafeImage)


def resident_bytes():
    """What all decoding processes of this one hold in memory now."""
    total = 0
    for found in Path("/proc/self/task").glob("*/children"):
        for child in found.read_text().split():
            with suppress(FileNotFoundError, ProcessLookupError):
                if is_decoder(child):
                    pages = int(Path(f"/proc/{child}/statm").read_text().split()[1])
                    total += pages * os.sysconf("SC_PAGE_SIZE")
    return total


def test_eight_images_of_49_megapixels_at_once_stay_below_a_gigabyte_and_a_half():
    data = made.encoded(Image.new("RGB", (7000, 7000), "teal"))
    limits = ProcessLimits(slot_seconds=240, wall_seconds=240)
    most = 0
    with ThreadPoolExecutor(8) as people:
        decoded = [
            people.submit(
                sanitise_in_subprocess,
                data,
                PROFILE_IMAGE,
                person_id=number,
                process_limits=limits,
            )
            for number in range(8)
        ]
        while not all(each.done() for each in decoded):
            most = max(most, resident_bytes())
            time.sleep(0.02)
    assert [each.result().width for each in decoded] == [512] * 8
    assert 180 * MEGABYTE < most < 1536 * MEGABYTE


def test_files_are_taken_one_at_a_time():
    taken = []

    def files():
        for number in range(3):
            taken.append(number)
            yield Upload(made.png(), TRAINING_IMAGE)

    results = sanitise_many_in_subprocess(files())
    next(results)
    assert taken == [0]
    results.close()


def test_no_files_need_no_child(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert list(sanitise_many_in_subprocess([])) == []


def test_a_decoder_that_does_not_start_blames_no_image(monkeypatch, tmp_path):
    monkeypatch.setattr(image_processes, "ROOT", tmp_path)
    with pytest.raises(DecoderUnavailable):
        sanitise_in_subprocess(made.png(), TRAINING_IMAGE, person_id=1)


def test_a_machine_that_can_start_no_process_blames_no_image(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    with pytest.raises(DecoderUnavailable):
        sanitise_in_subprocess(made.png(), TRAINING_IMAGE, person_id=1)


def test_the_child_knows_no_secret_and_works_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", "do-not-inherit")

    def files():
        yield Upload(made.png(), TRAINING_IMAGE)
        (child,) = children()
        assert b"do-not-inherit" not in Path(f"/proc/{child}/environ").read_bytes()

    assert len(list(sanitise_many_in_subprocess(files()))) == 1
