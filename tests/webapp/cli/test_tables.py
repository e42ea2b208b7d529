"""Tables of the command line: bordered in a terminal, whole lines for other programs."""

import pytest

from webapp.cli import tables
from webapp.cli.progress import JobProgress, watch

LONG = "a word that no table of eighty columns has room for beside another, " * 3
ROWS = [("1", LONG, "queued"), ("2", "short", "running")]


@pytest.fixture
def terminal(monkeypatch):
    """Standard output as a terminal of eighty columns."""
    monkeypatch.setattr(tables, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


def test_another_program_reads_whole_rows_with_a_tab_between_their_values(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    tables.show(("id", "words", "state"), ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert [tuple(line.split("\t")) for line in lines] == [("id", "words", "state"), *ROWS]


def test_a_value_with_tabs_and_line_breaks_stays_one_value_of_one_row(capsys):
    tables.show(("text", "state"), [("a\tb\nc\rd", "queued")])
    assert capsys.readouterr().out.splitlines() == ["text\tstate", "a\\tb\\nc\\rd\tqueued"]


def test_in_a_terminal_long_words_go_on_in_the_next_line(capsys, terminal):
    word = "x" * 200
    tables.show(("id", "word"), [("7", word)])
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert shown.count("x") == len(word)
    assert "\t" not in shown


def test_progress_in_a_file_names_each_job_in_full(capsys):
    watch(lambda: [JobProgress(LONG.strip(), "completed", 100, is_finished=True)])
    shown = capsys.readouterr().out
    assert LONG.strip() in shown
    assert "completed" in shown
