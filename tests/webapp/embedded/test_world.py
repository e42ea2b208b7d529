"""How the world of `make up` begins; what is in it: test_cast.py, that it works: tests/browser."""

import pytest

from webapp.embedded import world
from webapp.embedded.world import MADE


def test_a_world_that_was_made_is_not_made_again(tmp_path):
    (tmp_path / MADE).touch()
    said: list[str] = []
    world.inhabit(tmp_path, {}, report=said.append)
    assert said == []


def test_without_a_stack_nobody_comes(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["world", str(tmp_path)])
    with pytest.raises(SystemExit, match="make up"):
        world.main()
