"""Every new migration states the oldest code that can live with its schema."""

import pytest
from alembic.script import ScriptDirectory

from tests import database
from tests.newer_code import NEWER, add_migration, copied_migrations, stating
from webapp.domain.readiness import own_revisions
from webapp.domain.schema_compatibility import stated

# Those up to here are older than the rule: each can be used only with its own code.
LAST_WITHOUT_STATEMENT = "0025"
NEWEST, *_, OLDEST = own_revisions()


def faults(folder):
    """What is wrong with the statements of a folder of migrations: one line per migration."""
    scripts = list(reversed(list(ScriptDirectory(str(folder)).walk_revisions())))
    order = [script.revision for script in scripts]
    found = []
    allowed = 0  # what earlier migrations exclude, no later one allows
    for place, script in enumerate(scripts):
        oldest = stated(script)
        if not hasattr(script.module, "oldest_code") and script.revision > LAST_WITHOUT_STATEMENT:
            found.append(f"{script.revision} does not state oldest_code")
        if oldest not in order[: place + 1]:
            found.append(f"{script.revision} names {oldest}, which is no revision before it")
            continue
        if order.index(oldest) < allowed:
            found.append(f"{script.revision} names {oldest}, but those before it allow less")
        allowed = max(allowed, order.index(oldest))
    return found


def test_every_new_migration_states_the_oldest_code():
    assert faults(database.MIGRATIONS) == []


@pytest.mark.parametrize(
    "statement, fault",
    [
        ("", "does not state oldest_code"),
        (stating("8999"), "which is no revision before it"),
        (stating(OLDEST), "those before it allow less"),
    ],
)
def test_a_migration_without_a_true_statement_is_noticed(tmp_path, statement, fault):
    folder = copied_migrations(tmp_path / "migrations")
    add_migration(folder, stating(NEWEST))
    assert faults(folder) == []
    add_migration(folder, statement)
    [found] = faults(folder)
    assert found.startswith(NEWER)
    assert fault in found


def test_the_template_of_new_migrations_has_the_line():
    assert "\noldest_code = " in (database.MIGRATIONS / "script.py.mako").read_text()
