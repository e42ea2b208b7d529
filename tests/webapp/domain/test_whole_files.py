import stat

import pytest

from webapp.domain.whole_files import PRIVATE, PUBLIC, write_whole


def test_nobody_but_the_owner_can_read_a_private_file(tmp_path):
    write_whole(tmp_path / "key", b"content", mode=PRIVATE)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == PRIVATE
    assert (tmp_path / "key").read_bytes() == b"content"


def test_the_owner_may_change_a_public_file(tmp_path):
    write_whole(tmp_path / "chain", b"content", mode=PUBLIC)
    assert (tmp_path / "chain").stat().st_mode & stat.S_IWUSR


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    for content in (b"a long first content", b"a second"):
        write_whole(tmp_path / "key", content, mode=PRIVATE)
    assert (tmp_path / "key").read_bytes() == b"a second"
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "key", b"", mode=PRIVATE)
