"""Links and paths in README.md and docs lead to something, and decisions stay short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
MODULE = re.compile(r"`((?:webapp|tasks|gpu|imaging|tests|docker|ops|requirements)/[\w./-]+\.\w+)`")
MAX_LINES = 40
DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


def anchors(text):
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_exist(document):
    text = document.read_text(encoding="utf-8")
    broken = []
    for target, anchor in LINK.findall(text):
        path = (document.parent / target) if target else document
        if not path.exists() or (anchor and anchor not in anchors(path.read_text("utf-8"))):
            broken.append(f"{target}#{anchor}")
    broken += [path for path in MODULE.findall(text) if not (ROOT / path).exists()]
    assert broken == []


def test_every_figure_of_the_performance_has_a_date_beside_it():
    parts = (ROOT / "docs/performance.md").read_text(encoding="utf-8").split("\n## ")
    measured = [part for part in parts[1:] if re.search(r"^\|.*\d ?(ms|s|%)", part, re.MULTILINE)]
    assert len(measured) >= 7
    undated = [part.partition("\n")[0] for part in measured if not DATE.search(part)]
    assert undated == []


def test_a_decision_has_at_most_forty_lines_and_is_listed():
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    listing = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    for path in decisions:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES, path
        assert path.name == "README.md" or f"]({path.name})" in listing
