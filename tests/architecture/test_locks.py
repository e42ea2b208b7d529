"""What an image installs is locked with hashes, listed in its bill of materials, and audited."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
IMAGES = ("web", "gpu")
ENTRY = re.compile(r"^([\w.-]+)==(\S+)((?: \\\n +--hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE)


def plain(name):
    """The name of a distribution as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file):
    """The versions that a file of requirements names."""
    lines = re.findall(r"^([\w.-]+)==(\S+)$", (REQUIREMENTS / file).read_text(), re.MULTILINE)
    return {plain(name): version for name, version in lines}


def locked(image):
    """Version and hashes of every package of an image."""
    entries = ENTRY.findall((REQUIREMENTS / f"{image}.lock").read_text())
    return {
        plain(name): (version, set(re.findall(r"sha256:(\w+)", hashes)))
        for name, version, hashes in entries
    }


def make(target, *variables, dry=False):
    """What `make` prints for a target, in the environment that runs the tests."""
    command = ["/usr/bin/env", "make", "--assume-old", ".venv/.installed", target, *variables]
    if dry:
        command.insert(2, "--dry-run")
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def bills(tmp_path_factory):
    """The bills of materials that `make sbom` writes, as text by image."""
    folder = tmp_path_factory.mktemp("sbom")
    make("sbom", f"SBOM={folder}")
    assert {file.name for file in folder.iterdir()} == {f"{name}.cdx.json" for name in IMAGES}
    return {name: (folder / f"{name}.cdx.json").read_text(encoding="utf-8") for name in IMAGES}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_its_lock_and_checks_the_hashes(image):
    text = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    [installed] = re.findall(rf"^FROM base AS {image}\nRUN pip install (.*)$", text, re.MULTILINE)
    assert installed == f"--require-hashes --requirement requirements/{image}.lock"
    assert text.count("pip install") == len(IMAGES)


@pytest.mark.parametrize("image", IMAGES)
def test_a_lock_has_what_the_image_asks_for_in_the_tested_versions_with_hashes(image):
    found = locked(image)
    lines = (REQUIREMENTS / f"{image}.lock").read_text().splitlines()
    assert len(found) == sum("==" in line for line in lines) > 90
    assert all(hashes for _, hashes in found.values())
    asked, tested = pinned(f"{image}.txt"), pinned("constraints.txt")
    assert asked.keys() <= found.keys()
    for expected in (asked, tested):
        both = expected.keys() & found.keys()
        assert {name: found[name][0] for name in both} == {name: expected[name] for name in both}


@pytest.mark.parametrize("image", IMAGES)
def test_the_bill_of_materials_names_every_locked_package_with_version_and_hashes(bills, image):
    components = json.loads(bills[image])["components"]
    named = {
        plain(each["name"]): (
            each["version"],
            {entry["content"] for where in each["externalReferences"] for entry in where["hashes"]},
        )
        for each in components
    }
    assert len(components) == len(named)
    assert named == locked(image)
    purls = {each["purl"] for each in components}
    assert purls == {f"pkg:pypi/{name}@{version}" for name, (version, _) in named.items()}


@pytest.mark.parametrize("image", IMAGES)
def test_the_bill_of_materials_is_of_the_product_and_was_validated_by_the_schema(bills, image):
    commands = make("sbom", dry=True)
    assert commands.count("--validate") == len(IMAGES)
    bill = json.loads(bills[image])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    product = bill["metadata"]["component"]
    assert (product["name"], product["type"]) == ("style-license", "application")


def test_an_audit_asks_about_every_locked_package_and_fails_without_an_answer():
    command = make("audit", dry=True).replace("\\\n", " ")
    assert command.count("pip-audit") == 1
    for file in ("web.lock", "gpu.lock", "constraints.txt"):
        assert f"--requirement requirements/{file}" in command
    assert "--strict" in command.split()


def test_ci_does_not_claim_an_audit():
    """It runs where no database of vulnerabilities can be reached."""
    commands = make("sure", dry=True)
    assert "pytest" in commands
    assert "pip-audit" not in commands
