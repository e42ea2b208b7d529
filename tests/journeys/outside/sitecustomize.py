"""A rented machine: what only our own machines have cannot be imported here.

Python imports this before anything else. It also makes the tiny base model known, as an operator
would put a model on the machine's disk.
"""

import os
import sys
from importlib.abc import MetaPathFinder

ABSENT = {
    *("celery", "celery_config", "kombu", "amqp", "billiard"),
    *("sqlalchemy", "psycopg2", "alembic", "redis", "minio"),
    *("flask", "werkzeug", "webapp"),
}


class Absent(MetaPathFinder):
    """Finds nothing of what is absent."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is not on this machine", name=name)


sys.meta_path.insert(0, Absent())

if "TINY_MODEL_FOLDER" in os.environ:
    import tests.tiny_base  # noqa: F401 - registers itself
