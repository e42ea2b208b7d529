"""The images of docker/Dockerfile: what they contain, and that they list what they import."""

import ast
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests import compose

ROOT = Path(__file__).parents[2]
# The target "cpu" has the files and packages of "web".
REQUIREMENTS = {"web": "web.txt", "gpu": "gpu.txt"}
# Imported by nobody: docker-compose.yml runs it as a program.
PROGRAMS = {"flower"}
# In a folder that the image uses, but imported in the other one only.
UNUSED = {
    "web": {"gpu/segmenting/sam3.py"},
    "gpu": {"gpu/signature/credentials.py", "gpu/signature/likeness.py"},
}
NOT_IN_PRODUCTION = ("webapp/embedded", "webapp/sandbox", "gpu/pretrain", "tests")
OWN = {path.stem for path in ROOT.iterdir()}
PROVIDED = packages_distributions()


@pytest.fixture(scope="module", params=REQUIREMENTS)
def image(request, tmp_path_factory):
    """A target of the Dockerfile and the folder with its files."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, compose.build(request.param, folder).folder


@cache
def imported(path):
    """The modules that a file of this repository imports."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules(folder):
    """The modules in a folder, named as in this repository."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*.py")}


def plain(name):
    """The name of a distribution as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def listed(*files):
    text = "".join((ROOT / "requirements" / file).read_text(encoding="utf-8") for file in files)
    return {plain(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


def needed(paths):
    """The distributions that these modules import; a name that none provides stays itself."""
    names = {name.split(".")[0] for path in paths for name in imported(path)}
    names -= sys.stdlib_module_names | OWN
    return {plain(each) for name in names for each in PROVIDED.get(name, [name])}


def test_an_image_lists_what_it_imports_and_nothing_else(image):
    target, folder = image
    paths = modules(folder) - UNUSED[target]
    packages = listed(REQUIREMENTS[target])
    assert needed(paths) - packages == set()
    assert packages - needed(paths) - PROGRAMS == set()


def test_programs_without_an_import_are_run_by_docker_compose():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert all(re.search(rf"\b{name}\b", text) for name in PROGRAMS)


def test_an_image_has_nothing_of_bare_machines_and_tests(image):
    _, folder = image
    assert [name for name in NOT_IN_PRODUCTION if (folder / name).exists()] == []
    assert (folder / "tasks").is_dir()  # something was copied at all


def test_the_gpu_image_can_work_with_and_without_the_broker(tmp_path):
    folder = compose.build("gpu", tmp_path).folder
    for entry in ("celery_config", "tasks/on_gpu/render_images", "tasks/remote"):
        assert (folder / f"{entry}.py").is_file()


def test_no_module_of_an_image_imports_what_is_not_in_production(image):
    _, folder = image
    absent = {name.replace("/", ".") for name in NOT_IN_PRODUCTION}
    importing = [
        (path, name)
        for path in modules(folder)
        for name in imported(path)
        if name in absent or name.startswith(tuple(f"{each}." for each in absent))
    ]
    assert importing == []


def test_the_bare_machine_lists_what_it_imports():
    folders = [ROOT / name for name in NOT_IN_PRODUCTION if name != "tests"]
    paths = {f"{folder.relative_to(ROOT)}/{path}" for folder in folders for path in modules(folder)}
    assert needed(paths) - listed("web.txt", "gpu.txt", "embedded.txt") == set()


def test_every_listed_version_is_the_one_that_was_tested():
    def versions(file):
        return set((ROOT / "requirements" / file).read_text(encoding="utf-8").split("\n"))

    tested = versions("constraints.txt")
    names = {line.split("==")[0] for line in tested}
    for file in ("web.txt", "gpu.txt", "embedded.txt", "dev.txt"):
        pinned = {line for line in versions(file) if plain(line.split("==")[0]) in names}
        assert pinned - tested == set()
