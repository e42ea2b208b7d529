"""Who may import whom: kept today, and each contract noticed when all are broken at once."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).parent / "lint-imports"
PACKAGES = ("webapp", "tasks", "gpu", "imaging")
# One line that breaks each contract: where it is written, and what the linter must say.
BREACHES = {
    "engine": ("gpu/device.py", "import webapp.domain.db", "gpu.device -> webapp.domain.db"),
    "outside": (
        "tasks/gpu_jobs/training.py",
        "from celery_config import TaskName",
        "tasks.gpu_jobs.training -> celery_config",
    ),
    "signature": ("gpu/signature/ink.py", "import torch", "gpu.signature.ink -> torch"),
    "editing": ("gpu/segmenting/clicks.py", "import torch", "gpu.segmenting.clicks -> torch"),
    "segmenters": (
        "gpu/segmenting/registry.py",
        "from gpu.segmenting import sam3",
        "gpu.segmenting.registry -> gpu.segmenting.sam3",
    ),
    "imaging": ("imaging/framing.py", "import torch", "imaging.framing -> torch"),
    "gpu-worker": (
        "tasks/on_gpu/render_images.py",
        "from webapp.domain import jobs",
        "tasks.on_gpu.render_images -> webapp.domain.jobs",
    ),
    "cpu-worker": (
        "tasks/on_cpu/refund.py",
        "from gpu.rendering import renderer",
        "tasks.on_cpu.refund -> gpu.rendering",
    ),
    "cpu-worker-database": (
        "tasks/on_cpu/refund.py",
        "import sqlalchemy",
        "tasks.on_cpu.refund -> sqlalchemy",
    ),
    "domain": ("webapp/domain/jobs.py", "import flask", "webapp.domain.jobs -> flask"),
    "web": (
        "webapp/api/generations.py",
        "from webapp.domain import relay",
        "webapp.api.generations -> webapp.domain.relay",
    ),
    "web-layers": (
        "webapp/pages/likes.py",
        "from webapp.api import likes",
        "webapp.pages.likes -> webapp.api.likes",
    ),
    "queries": (
        "webapp/domain/queries/tags.py",
        "from webapp.domain import pipelines",
        "webapp.domain.queries.tags -> webapp.domain.pipelines",
    ),
    "web-database": (
        "webapp/schemas/styles.py",
        "import sqlalchemy",
        "webapp.schemas.styles -> sqlalchemy",
    ),
    "models": (
        "webapp/domain/models/job.py",
        "from webapp.domain.services import ledger",
        "webapp.domain.models.job -> webapp.domain.services.ledger",
    ),
}

# Modules that `editing` forbids torch to, but for sam3.
TORCH_IN_EDITING = tuple(
    (path, "import torch", f"{path.removesuffix('.py').replace('/', '.')} -> torch")
    for path in ("gpu/rules/texture.py", "gpu/segmenting/registry.py", "gpu/segmenting/overlaps.py")
)


def contracts():
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {
        name.removeprefix(prefix): dict(parser[name])
        for name in parser.sections()
        if name.startswith(prefix)
    }


def lint(folder):
    done = subprocess.run(
        [str(PROGRAM), "--no-cache"],
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


def test_every_contract_is_kept():
    status, said = lint(ROOT)
    assert status == 0, said
    assert said.count("KEPT") == len(contracts())


def test_every_contract_is_broken_once_here():
    assert set(BREACHES) == set(contracts())


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            folder / package,
            ignore=lambda where, names: [
                name
                for name in names
                if name == "__pycache__"
                or not (name.endswith(".py") or (Path(where) / name).is_dir())
            ],
        )
    for name in ("celery_config.py", "failpoints.py", "logs.py", ".importlinter"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def sections(copy):
    """What the linter reports of each contract, by its name, when all are broken at once."""
    for path, line, _ in (*BREACHES.values(), *TORCH_IN_EDITING):
        with (copy / path).open("a") as source:
            source.write(f"\n{line}\n")
    status, output = lint(copy)
    assert status == 1
    details = output.partition("Broken contracts")[2]
    titles = {each["name"]: name for name, each in contracts().items()}
    headings = sorted(titles, key=lambda title: details.index(f"\n{title}\n"))
    starts = [details.index(f"\n{title}\n") for title in headings] + [len(details)]
    return {
        titles[title]: details[starts[index] : starts[index + 1]]
        for index, title in enumerate(headings)
    }


@pytest.mark.parametrize("name", sorted(BREACHES))
def test_the_linter_notices_a_breach(sections, name):
    _, _, expected = BREACHES[name]
    assert expected in sections[name]


@pytest.mark.parametrize("expected", [expected for _, _, expected in TORCH_IN_EDITING])
def test_sam3_is_the_only_segmenter_that_may_import_torch(sections, expected):
    assert expected in sections["editing"]


def test_the_whole_engine_but_what_needs_no_torch_is_forbidden_to_cpu_tasks():
    named = set(contracts()["cpu-worker"]["forbidden_modules"].split())
    parts = {
        path.stem for path in (ROOT / "gpu").iterdir() if path.suffix == ".py" or path.is_dir()
    }
    open_to_them = {"__init__", "__pycache__", "layouts", "rules", "segmenting", "signature"}
    expected = {f"gpu.{part}" for part in parts - open_to_them}
    assert expected <= named


def test_the_whole_web_is_forbidden_to_the_domain():
    named = set(contracts()["domain"]["forbidden_modules"].split())
    parts = {
        path.stem
        for path in (ROOT / "webapp").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {f"webapp.{part}" for part in parts - {"__init__", "domain"}} <= named
