"""docker-compose.yml, docker/Dockerfile and .env.example, read as a container engine reads them."""

import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
VARIABLE = re.compile(r"\$\{(\w+)")
EXPRESSION = re.compile(r"(\w+)(?::([-?+])(.*))?", re.DOTALL)


def services(variables: Mapping[str, str]) -> dict[str, Any]:
    """The services of docker-compose.yml with the variables of `.env` filled in."""
    read = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    found = _filled(read, variables)
    assert isinstance(found, dict)
    return found


def files(variables: Mapping[str, str]) -> dict[str, Path]:
    """The files of the configs and secrets of docker-compose.yml, by the paths in a container."""
    read = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    places = {"configs": "/{}", "secrets": "/run/secrets/{}"}
    return {
        place.format(name): Path(interpolated(entry["file"], variables))
        for kind, place in places.items()
        for name, entry in read[kind].items()
        if "file" in entry
    }


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _filled(value, variables) for name, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    return interpolated(node, variables) if isinstance(node, str) else node


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """The text with each ${NAME}, ${NAME:-default}, ${NAME:?message} and ${NAME:+other if set}."""
    before, begin, rest = text.partition("${")
    if not begin:
        return text
    end = _closing_brace(rest)
    expression = EXPRESSION.fullmatch(rest[:end])
    assert expression, f"not an expression that we know: {rest[:end]}"
    name, operator, other = expression.groups()
    value = variables.get(name, "")
    assert value or operator != "?", f"{name}: {other}"
    if bool(value) == (operator == "+") and operator in {"-", "+"}:
        value = interpolated(other, variables)
    return before + value + interpolated(rest[end + 1 :], variables)


def _closing_brace(text: str) -> int:
    depth = 1
    for place, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return place
    raise AssertionError(f"no end: {text}")


def environment_file(text: str) -> dict[str, str]:
    """The variables of the text of an `.env`."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


@dataclass
class Image:
    """One target of the Dockerfile: its files in a folder, and how it runs."""

    folder: Path
    workdir: str = "/"
    user: int | None = None
    command: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    own_folders: list[Path] = field(default_factory=list)  # of its user; all else is root's


def build(target: str, folder: Path) -> Image:
    """What COPY brings into one target of the Dockerfile, without its packages."""
    image = Image(folder)
    stages = _stages()
    line_of_descent = [target]
    while (parent := stages[line_of_descent[0]][0]) in stages:
        line_of_descent.insert(0, parent)
    for stage in line_of_descent:
        for instruction, rest in stages[stage][1]:
            _carry_out(image, instruction, rest)
    return image


def _stages() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Each stage: what it builds on, and its instructions."""
    text = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    stages: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            parent, _, name = rest.partition(" AS ")
            stages[name] = (parent, [])
        else:
            stages[name][1].append((instruction, rest))
    return stages


def _carry_out(image: Image, instruction: str, rest: str) -> None:
    if instruction == "COPY":
        *sources, target = rest.split()
        for source in sources:
            _copy(ROOT / source, image.folder / target, into=target.endswith("/"))
    elif instruction == "ENV":
        image.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
    elif instruction == "WORKDIR":
        image.workdir = rest
    elif instruction == "USER":
        image.user = int(rest.partition(":")[0])
    elif instruction == "CMD":
        image.command = list(yaml.safe_load(rest))
    elif instruction == "RUN" and rest.startswith("install --directory --owner app "):
        for name in rest.split("--group app ")[1].split():
            (image.folder / name).mkdir(parents=True)
            image.own_folders.append(image.folder / name)


def ignored_paths() -> list[str]:
    """The lines of .dockerignore: paths of this repository, or `**/name` for a name anywhere."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _ignored(folder: str, names: list[str]) -> set[str]:
    path = Path(folder).relative_to(ROOT)
    patterns = ignored_paths()
    return {name for name in names if {f"{path / name}", f"**/{name}"} & set(patterns)}


def _copy(source: Path, target: Path, *, into: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=_ignored)
        return
    place = target / source.name if into else target
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, place)
