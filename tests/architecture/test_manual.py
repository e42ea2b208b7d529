"""The commands and names of docs/operations.md are those of the repository."""

import re
import shlex
from pathlib import Path

import click
import pytest
from flask_migrate.cli import db

from gpu.base_models.registry import REGISTRY
from tests import compose
from tests.architecture.test_docker_compose import SERVICES
from webapp.cli import COMMANDS as FLASK

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"`([^`\n]+)`", MANUAL)
LINES = [
    line.partition(" #")[0].strip()
    for block in re.findall(r"```\n(.*?)```", MANUAL, re.DOTALL)
    for line in block.splitlines()
]
COMMANDS = [part.strip() for each in (*QUOTED, *LINES) for part in each.split("&&")]
# What a command of `docker compose` acts upon: the first word behind its options.
OPTIONS_WITH_VALUE = {"-e", "--profile", "--volume"}
OF_SERVICES = {"up", "run", "exec", "restart", "stop"}


def services_of(command):
    """The services that a command of `docker compose` names."""
    words = iter(shlex.split(command)[2:])
    plain = []
    for word in words:
        if word in OPTIONS_WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            plain.append(word)
    if not plain or plain[0] not in OF_SERVICES:
        return []
    return plain[1:2] if plain[0] in {"run", "exec"} else plain[1:]


def test_every_target_of_make_exists():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {word for command in COMMANDS for word in re.findall(r"^make ([a-z-]+)", command)}
    assert {"deploy", "backup", "base-backup", "restore", "recover", "recovered"} <= named
    assert named <= set(targets)


def test_every_service_exists():
    named = {
        service
        for command in COMMANDS
        if command.startswith("docker compose ")
        for service in services_of(command)
    }
    assert {"web", "relay", "restore-files", "rabbitmq"} <= named
    assert named - {"NAME"} <= set(SERVICES)


@pytest.mark.parametrize(
    "command", sorted({each for each in COMMANDS if re.match(r"flask [a-z]", each)})
)
def test_every_command_of_flask_exists(command):
    found = click.Group(commands={each.name: each for each in (*FLASK, db)})
    for word in shlex.split(command)[1:]:
        if not isinstance(found, click.Group) or not re.fullmatch(r"[a-z-]+", word):
            break
        assert word in found.commands, command
        found = found.commands[word]
    options = {name for each in found.params for name in each.opts}
    named = {word for word in shlex.split(command) if word.startswith("--")}
    assert named <= options, command


def test_what_may_stay_empty_is_named():
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    asked = [name for name, value in compose.environment_file(example).items() if not value]
    empty = {
        name
        for name in asked
        if re.search(
            rf"^# (empty with|with docker-compose.yml: empty).*\n{name}=$", example, re.MULTILINE
        )
    }
    said = MANUAL.partition("what has no value is required, but for ")[2].partition("which stay")[0]
    assert set(re.findall(r"`(\w+)`", said)) == empty
    assert "DATABASE_URL" in empty


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_the_id_behind_a_model_of_the_hub_is_named(name):
    assert f"`{name}` (`{REGISTRY[name].source}`)" in MANUAL


def test_a_volume_is_removed_when_no_container_has_it():
    """Also a container that is stopped keeps it, and its name begins with that of the project."""
    block = MANUAL.partition("### The database alone")[2].split("```")[1]
    steps = ("docker compose down", "docker volume ls", "docker volume rm", "make recover ")
    places = [block.index(each) for each in steps]
    assert places == sorted(places)
