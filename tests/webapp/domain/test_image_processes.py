import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from tests import images as made
from webapp.domain import image_processes
from webapp.domain.image_decoding import sanitise
from webapp.domain.image_processes import (
    DecoderUnavailable,
    ProcessLimits,
    Upload,
    sanitise_in_subprocess,
    sanitise_many_in_subprocess,
)
from webapp.domain.images import (
    MEGABYTE,
    SIGNATURE_IMAGE,
    TRAINING_IMAGE,
    BadImage,
    SafeImage,
)


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
    assert children() == before


def test_a_child_gives_what_the_function_gives():
    assert sanitise_in_subprocess(made.jpeg(), TRAINING_IMAGE) == sanitise(
        made.jpeg(), TRAINING_IMAGE
    )
    drawn = made.png_with_alpha(100)
    assert sanitise_in_subprocess(drawn, SIGNATURE_IMAGE, keep_alpha=True) == sanitise(
        drawn, SIGNATURE_IMAGE, keep_alpha=True
    )


def test_a_verdict_comes_back_whole():
    with pytest.raises(BadImage) as caught:
        sanitise_in_subprocess(made.png(100, 90), TRAINING_IMAGE)
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
    "limits", [ProcessLimits(cpu_seconds=1), ProcessLimits(wall_seconds=3)], ids=["cpu", "wall"]
)
def test_a_file_that_would_decode_for_hours_is_corrupt_and_the_rest_goes_on(limits):
    files = uploads(made.png(), made.endless_jpeg(), made.jpeg())
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
        sanitise_in_subprocess(made.png(), TRAINING_IMAGE)


def test_the_child_knows_no_secret_and_works_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", "do-not-inherit")

    def files():
        yield Upload(made.png(), TRAINING_IMAGE)
        (child,) = children()
        assert b"do-not-inherit" not in Path(f"/proc/{child}/environ").read_bytes()

    assert len(list(sanitise_many_in_subprocess(files()))) == 1
