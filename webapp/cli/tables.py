"""Tables of the command line, and how wide its output is.

In a terminal a table has borders and long words continue on the next line. In a pipe or a file,
where another program reads it, each row is one line with tabs between its whole values.
"""

import sys
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table

WIDTH_IN_A_FILE = 1000  # rich assumes 80 columns where there is no terminal
# The separators of columns and rows, wherever they are part of a value.
ESCAPED = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


def is_terminal() -> bool:
    """Tell whether a person reads standard output in a terminal."""
    return sys.stdout.isatty()


def console() -> Console:
    """Return the console of standard output, with room for whole lines in a pipe or a file."""
    return Console(width=None if is_terminal() else WIDTH_IN_A_FILE)


def show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below their column names."""
    if not is_terminal():
        for values in (columns, *rows):
            click.echo("\t".join(value.translate(ESCAPED) for value in values))
        return
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for values in rows:
        table.add_row(*values)
    console().print(table)
