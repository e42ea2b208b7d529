"""A module's tests are found by its name, or by the table of tests/README.md."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("gpu", "tasks", "webapp/http", "webapp/domain/services", "webapp/domain/queries")
ROW = re.compile(r"^\| `(?P<folder>[\w/]+)`: (?P<modules>[\w, ]+) \| `(?P<test>[\w/.]+)` \|$")
# An alias of a moved module is no module of its own.
ALIASES = {"gpu/remote.py"}


def modules():
    return {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if path.stem not in {"__init__", "__main__"}
    } - ALIASES


def rows():
    lines = (ROOT / "tests/README.md").read_text().splitlines()
    return [row for line in lines if (row := ROW.match(line))]


def table():
    return {
        f"{row['folder']}/{module.strip()}.py": row["test"]
        for row in rows()
        for module in row["modules"].split(",")
    }


def test_each_module_has_tests_of_its_name_or_a_row_in_the_table():
    names = {path.stem.removeprefix("test_") for path in (ROOT / "tests").rglob("test_*.py")}
    without = {path for path in modules() if Path(path).stem not in names}
    assert set(table()) == without


def test_the_table_names_files_that_exist():
    assert [test for test in table().values() if not (ROOT / test).is_file()] == []


def test_each_row_of_the_table_is_read():
    lines = (ROOT / "tests/README.md").read_text().splitlines()
    assert len(rows()) == sum(line.startswith("| `") for line in lines)
