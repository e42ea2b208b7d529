"""What a process of each kind imports and opens, seen from inside a real process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import ENVIRONMENT

ROOT = Path(__file__).parents[2]
COMPLETE = ENVIRONMENT | {
    "DATABASE_URL": "postgresql+psycopg2://nobody@127.0.0.1:1/none",
    "STORAGE_URL": "folder:///nowhere",
    "INTERNAL_API_URL": "http://127.0.0.1:1",
    "BROKER_URL": "amqp://guest:guest@127.0.0.1:1//",
}
# Runs a script under an audit hook and tells which modules it loaded and what it connected to.
WATCH = """
import json, sys
opened = []
def hook(event, args):
    if event == "socket.connect":
        opened.append(str(args[1:]))
sys.addaudithook(hook)
{script}
print("\\n" + json.dumps({{"modules": sorted(sys.modules), "opened": opened}}))
"""


def watch(script, *, environment=COMPLETE):
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", WATCH.format(script=script)],
        check=True,
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return set(told["modules"]), told["opened"]


def loaded(modules, *names):
    return {name for name in names if any(m == name or m.startswith(f"{name}.") for m in modules)}


def test_the_parent_of_gpu_workers_knows_no_database_no_site_and_no_torch():
    needed = ("BROKER_URL", "INTERNAL_API_URL", "INTERNAL_API_TOKEN")
    modules, opened = watch(
        "import celery_config; celery_config.app.loader.import_task_module('tasks.on_gpu');"
        " celery_config.app.finalize()",
        environment={name: COMPLETE[name] for name in needed},
    )
    assert loaded(modules, "sqlalchemy", "psycopg2", "flask", "webapp", "torch", "minio") == set()
    assert loaded(modules, "tasks.on_gpu", "celery") == {"tasks.on_gpu", "celery"}
    assert opened == []


def test_a_gpu_outside_our_broker_knows_no_celery_and_no_torch_before_it_works():
    modules, opened = watch("import tasks.remote", environment={})
    assert loaded(modules, "celery", "kombu", "celery_config", "sqlalchemy", "flask") == set()
    assert loaded(modules, "webapp", "redis", "minio", "torch") == set()
    assert opened == []


def test_cpu_workers_need_no_torch_and_no_flask():
    modules, opened = watch(
        "import celery_config; celery_config.app.loader.import_task_module('tasks.on_cpu')"
    )
    assert loaded(modules, "torch", "flask", "diffusers", "webapp.app", "webapp.api") == set()
    assert opened == []


@pytest.mark.parametrize(
    "module",
    [
        "webapp.app",
        "webapp.domain.relay",
        "webapp.domain.models",
        "webapp.sandbox.google",
        "webapp.sandbox.toss",
        "webapp.sandbox.mail",
        "webapp.embedded.up",
        "webapp.cli",
    ],
)
def test_importing_connects_to_nothing_and_needs_no_environment(module):
    _, opened = watch(f"import {module}", environment={})
    assert opened == []


def test_the_web_process_is_made_without_connecting_and_without_torch():
    modules, opened = watch("from webapp.app import create_app; create_app()")
    assert opened == []
    assert loaded(modules, "torch", "tasks.on_cpu", "tasks.on_gpu") == set()


def test_the_engine_imports_nothing_of_the_site():
    modules, opened = watch("import gpu.rendering.renderer, gpu.training.trainer", environment={})
    assert opened == []
    assert loaded(modules, "webapp", "tasks", "flask", "sqlalchemy", "celery") == set()


def test_a_process_without_its_environment_names_what_is_missing_and_stops():
    done = subprocess.run(
        [sys.executable, "-c", "from webapp.app import create_app; create_app()"],
        check=False,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    for name in ("SECRET_KEY", "DATABASE_URL", "INTERNAL_API_TOKEN", "STORAGE_URL"):
        assert f"{name}: missing" in done.stderr
