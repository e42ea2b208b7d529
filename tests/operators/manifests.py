"""The objects of deploy/kubernetes as kubectl builds them, and what selects and fills them."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.operators.tools import tool

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
OVERLAYS = ("one-node", "gpu-pool")
Manifest = dict[str, Any]


@cache
def build(overlay: str) -> list[Manifest]:
    """Every object that `kubectl apply --kustomize` would send."""
    text = tool("kubectl", "kustomize", str(FOLDER / "overlays" / overlay))
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


@cache
def examples() -> list[Manifest]:
    """The Secrets and the ConfigMap that an operator makes."""
    return list(yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text(encoding="utf-8")))


def addresses(overlay: str) -> dict[str, str]:
    """What an overlay writes into other objects."""
    file = FOLDER / "overlays" / overlay / "addresses.yaml"
    data: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))["data"]
    return data


def of_kind(overlay: str, *kinds: str) -> dict[str, Manifest]:
    """The objects of some kinds, by name."""
    return {each["metadata"]["name"]: each for each in build(overlay) if each["kind"] in kinds}


def pods(overlay: str) -> dict[str, Manifest]:
    """The template of every pod, by the name of its Deployment or Job."""
    owners = of_kind(overlay, "Deployment", "Job")
    return {name: owner["spec"]["template"] for name, owner in owners.items()}


def labels(pod: Manifest) -> dict[str, str]:
    """The labels of a pod."""
    found: dict[str, str] = pod["metadata"]["labels"]
    return found


def process(pod: Manifest) -> Manifest:
    """The only container of a pod that stays."""
    [container] = pod["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def containers(pod: Manifest) -> list[Manifest]:
    """All containers of a pod."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def ports(container: Manifest) -> dict[str, int]:
    """The open ports of a container, by name."""
    return {port["name"]: port["containerPort"] for port in container.get("ports", ())}


def contents(overlay: str, kind: str) -> dict[str, dict[str, str]]:
    """Keys and values of every ConfigMap or Secret, of the overlay and of the example."""
    every = [each for each in (*build(overlay), *examples()) if each["kind"] == kind]
    return {each["metadata"]["name"]: each.get("data") or each["stringData"] for each in every}


def plain_variables(overlay: str, container: Manifest) -> dict[str, str]:
    """The variables of a container that hold no secret; `env` goes before `envFrom`."""
    maps = contents(overlay, "ConfigMap")
    values: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        values |= maps[source["configMapRef"]["name"]]
    for entry in container.get("env", ()):
        values.pop(entry["name"], None)
        if "value" in entry:
            values[entry["name"]] = entry["value"]
    return values


def secret_variables(container: Manifest) -> dict[str, tuple[str, str]]:
    """The variables of a container that come from a Secret: its name and the key."""
    entries = [entry for entry in container.get("env", ()) if "valueFrom" in entry]
    references = {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in entries}
    return {name: (each["name"], each["key"]) for name, each in references.items()}


def selects(selector: Manifest, pod: Manifest) -> bool:
    """Whether a selector of labels matches a pod."""
    own = labels(pod)
    if any(own.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for each in selector.get("matchExpressions", ()):
        assert each["operator"] in {"In", "NotIn"}
        if (own.get(each["key"]) in each["values"]) != (each["operator"] == "In"):
            return False
    return True


def policies(overlay: str, pod: Manifest, direction: str) -> set[str]:
    """The policies that let a pod be reached (Ingress) or reach something (Egress)."""
    return {
        name
        for name, each in of_kind(overlay, "NetworkPolicy").items()
        if direction in each["spec"]["policyTypes"]
        and each["spec"].get(direction.lower())
        and selects(each["spec"]["podSelector"], pod)
    }


def mebibytes(text: str) -> int:
    """A size of docker-compose.yml or of Kubernetes: 512m, 3g, 512Mi, 3Gi."""
    size = re.fullmatch(r"(\d+)(m|Mi|g|Gi)", text)
    assert size, text
    return int(size[1]) * {"m": 1, "g": 1024}[size[2][0].lower()]


def seconds(text: str) -> int:
    """A duration of docker-compose.yml: 30s, 5m."""
    duration = re.fullmatch(r"(\d+)([sm])", text)
    assert duration, text
    return int(duration[1]) * {"s": 1, "m": 60}[duration[2]]
