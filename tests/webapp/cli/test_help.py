"""`flask --help`: what each command and each of its options does."""

import click
import pytest

from webapp.cli import COMMANDS

ROOM = 55  # of eighty columns, beside the longest name of a command


def each_command(command, path):
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from each_command(inner, f"{path} {name}")


ALL = dict(pair for top in COMMANDS for pair in each_command(top, top.name))


@pytest.mark.parametrize("path", ALL)
def test_each_command_and_each_group_says_what_it_does(path):
    text = ALL[path].get_short_help_str(limit=200)
    first, *others = text.split()
    assert first[0].isupper(), f"{path}: {text}"
    assert others, f"{path}: {text}"
    assert text.endswith("."), f"{path}: {text}"


@pytest.mark.parametrize("path", ALL)
def test_no_list_of_commands_cuts_a_sentence(path):
    assert "..." not in ALL[path].get_short_help_str(limit=ROOM), path


@pytest.mark.parametrize("path", ALL)
def test_each_option_says_what_it_is_for(path):
    options = [each for each in ALL[path].params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
