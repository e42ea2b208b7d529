"""What a worker keeps on its disk: within its bound, the most recently used, each fetched once."""

import os

import pytest

from tasks.gpu_jobs.adapter_files import AdapterFiles

SIZE = 100


@pytest.fixture
def files(tmp_path):
    return AdapterFiles(tmp_path / "adapters", max_bytes=3 * SIZE)


@pytest.fixture
def get(files):
    """Get an adapter at a given time; the hashes that had to be fetched are in `get.fetched`."""

    def at(time: int, sha256: str) -> None:
        path = files.get(
            sha256, lambda path: (path.write_bytes(bytes(SIZE)), fetched.append(sha256))
        )
        os.utime(path, (time, time))

    fetched = at.fetched = []
    return at


def file_names(tmp_path) -> set[str]:
    return {path.stem for path in (tmp_path / "adapters").iterdir()}


def test_an_adapter_is_fetched_once(get, tmp_path):
    get(1, "a")
    get(2, "a")
    assert get.fetched == ["a"]
    assert file_names(tmp_path) == {"a"}


def test_a_forgotten_adapter_is_fetched_again(files, get):
    get(1, "a")
    files.forget("a")
    files.forget("never seen")
    get(2, "a")
    assert get.fetched == ["a", "a"]


def test_a_fetch_that_fails_leaves_nothing(files, tmp_path):
    with pytest.raises(ZeroDivisionError):
        files.get("a", lambda _path: 1 / 0)
    assert file_names(tmp_path) == set()


def test_room_is_made_of_what_was_not_used_for_longest(files, get, tmp_path):
    for time, sha256 in enumerate("abcd"):
        get(time, sha256)
    get(5, "a")
    files.make_room()
    assert file_names(tmp_path) == {"a", "c", "d"}
    files.make_room()
    assert file_names(tmp_path) == {"a", "c", "d"}


def test_using_an_adapter_makes_it_the_last_to_go(files, get, tmp_path):
    for time, sha256 in enumerate("abcd"):
        get(time, sha256)
    files.get("a", lambda _path: pytest.fail("it is there"))
    files.make_room()
    assert file_names(tmp_path) == {"a", "c", "d"}


def test_what_a_killed_fetch_left_behind_goes_too(files, get, tmp_path):
    get(1, "a")
    torn = tmp_path / "adapters" / "b.safetensors.77.part"
    torn.write_bytes(bytes(3 * SIZE))
    os.utime(torn, (0, 0))
    files.make_room()
    assert file_names(tmp_path) == {"a"}


def test_there_is_room_where_nothing_was_ever_fetched(files):
    files.make_room()
