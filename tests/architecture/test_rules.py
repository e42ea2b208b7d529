"""The rules of the house that a machine can hold."""

import ast
import re
from pathlib import Path

import pytest

from webapp.domain.errors import DomainError

ROOT = Path(__file__).parents[2]
PRODUCT = ("webapp", "tasks", "gpu", "imaging")
MAX_LINES = 400
MAX_FUNCTION_LINES = 60
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}
SENDERS = {"send_task", "delay", "apply_async"}
# What a test may wish for at the places where a process may die; see failpoints.py.
FAILPOINTS = {
    "before_commit",
    "after_commit",
    "after_mark",
    "after_publish",
    "after_claim",
    "after_put",
    "after_complete",
    "mid_render",
    "after_render",
    "after_segment",
    "mid_training",
    "after_progress",
    "after_checkpoint",
    "after_payment",
    "after_cancellation",
    "before_mail",
    "after_mail",
}


def modules():
    tracked = [ROOT / "celery_config.py", ROOT / "failpoints.py", ROOT / "logs.py"]
    for package in PRODUCT:
        tracked += sorted((ROOT / package).rglob("*.py"))
    return tracked


def name_of(path):
    return str(path.relative_to(ROOT))


TREES = {name_of(path): ast.parse(path.read_text()) for path in modules()}


def calls(tree):
    """Names of everything that is called: `session.commit()` gives "commit"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr, node
            elif isinstance(node.func, ast.Name):
                yield node.func.id, node


def test_there_is_exactly_one_commit():
    found = [
        f"{path}:{node.lineno}"
        for path, tree in TREES.items()
        for name, node in calls(tree)
        if name == "commit"
    ]
    assert [place.partition(":")[0] for place in found] == ["webapp/domain/db.py"], found


def test_only_the_relay_sends_tasks():
    found = {path for path, tree in TREES.items() for name, _ in calls(tree) if name in SENDERS}
    assert found == {"webapp/domain/relay.py"}


def test_no_module_is_named_for_nothing():
    assert [path for path in TREES if VAGUE & {Path(path).stem, *Path(path).parts}] == []


@pytest.mark.parametrize("path", sorted(TREES))
def test_a_module_is_short_and_says_what_it_is_for(path):
    lines = (ROOT / path).read_text().splitlines()
    assert len(lines) <= MAX_LINES
    if Path(path).name != "__init__.py":
        assert ast.get_docstring(TREES[path])


def test_no_function_is_long():
    found = [
        f"{path}:{node.name}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert found == []


def test_failpoints_are_the_known_ones():
    found = set()
    for tree in TREES.values():
        for name, node in calls(tree):
            if name == "failpoint":
                argument = node.args[0]
                found |= {
                    leaf.value
                    for leaf in ast.walk(argument)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
    assert found == FAILPOINTS


def test_nothing_unfinished_is_left_in_product_code():
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplemented)\b")
    found = [
        f"{path}:{number}"
        for path in TREES
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if marks.search(line)
    ]
    assert found == []


def test_tests_hide_nothing():
    hidden = re.compile(r"pytest\.mark\.(skip|xfail)|pytest\.skip\(|assert True\b")
    own = Path(__file__)
    found = [
        f"{name_of(path)}:{number}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != own
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if hidden.search(line)
    ]
    assert found == []


def test_services_are_handed_their_session_and_never_look_one_up():
    looking = {"unit_of_work", "sessionmaker", "Session", "engine", "create_engine"}
    found = {
        (path, name)
        for path, tree in TREES.items()
        if path.startswith("webapp/domain/services/")
        for name, _ in calls(tree)
        if name in looking
    }
    given = {  # as a parameter
        "artworks",
        "base_models",
        "certificate_files",
        "counters",
        "garbage",
        "ledger_proof",
        "payments",
        "purchase_refunds",
        "recognition",
        "reconciliation",
        "registry",
        "sets_callbacks",
        "sets_carrying",
        "sets_instances",
        "sets_previews",
        "sets_sweeps",
        "sets_uploads",
        "styles",
        "verifications",
        "worker_protocol",
        "worker_results",
    }
    assert found == {(f"webapp/domain/services/{name}.py", "unit_of_work") for name in given}


def splices(tree):
    """Every call that is given a mapping as its keyword arguments: its name and the mapping."""
    for name, node in calls(tree):
        for keyword in node.keywords:
            if keyword.arg is None:
                yield name, keyword.value


def test_queries_only_read():
    writes = {"insert", "update", "delete", "add_all", "flush", "with_for_update", "unit_of_work"}
    written = {
        (path, name)
        for path, tree in TREES.items()
        if path.startswith("webapp/domain/queries/")
        for name, _ in calls(tree)
        if name in writes
    }
    assert written == set()


def test_addresses_are_never_made_of_whatever_a_client_sent():
    # `url_for` takes `_method`, `_external` and `endpoint` from the same names as fields. One
    # function keeps known names; parts of the path are the only mapping that `url_for` is given.
    spliced = {
        path for path, tree in TREES.items() for name, _ in splices(tree) if name == "url_for"
    }
    assert spliced == {"webapp/pages/links.py"}
    of_a_request = {
        (path, name)
        for path, tree in TREES.items()
        if path.startswith(("webapp/api/", "webapp/http/", "webapp/pages/"))
        for name, value in splices(tree)
        if any(isinstance(leaf, ast.Name) and leaf.id == "request" for leaf in ast.walk(value))
    }
    assert of_a_request == set()
    templates = (ROOT / "webapp/templates").rglob("*.html")
    calls_of_url_for = re.compile(r"url_for\([^)]*\*\*")
    assert [name_of(path) for path in templates if calls_of_url_for.search(path.read_text())] == []


def test_no_mock_library_in_product_code():
    imported = re.compile(r"^\s*(from|import) (unittest|mock|pytest)\b", re.MULTILINE)
    assert [path for path in TREES if imported.search((ROOT / path).read_text())] == []


def test_every_error_code_is_met_by_a_test():
    table = ROOT / "tests/webapp/domain/test_errors.py"
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if path != table]
    tests = "".join(path.read_text() for path in files)
    codes = {error.code for error in all_subclasses(DomainError)}
    assert sorted(code for code in codes if f'"{code}"' not in tests) == []


def all_subclasses(of):
    return {found for each in of.__subclasses__() for found in {each, *all_subclasses(each)}}
