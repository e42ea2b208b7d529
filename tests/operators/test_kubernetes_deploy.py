"""The commands of the manual for a new version and after a restore fit deploy/kubernetes."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.architecture.test_two_webs import first_to_deploy
from tests.operators import manifests
from tests.operators.manifests import OVERLAYS, of_kind
from tests.operators.tools import program

MANUAL = Path(__file__).parents[2] / "docs/operations.md"
NAMESPACE = "--namespace style-license"


def commands(heading):
    """The commands of the first block of code behind some words of the manual."""
    block = MANUAL.read_text(encoding="utf-8").partition(heading)[2].split("```")[1]
    return [line for line in block.splitlines() if line and not line.startswith("#")]


def selected(overlay, selector):
    """The objects of an overlay that a selector of kubectl matches, as (kind, name)."""
    absent = re.fullmatch(r"!([\w./-]+)", selector)
    one_of = re.fullmatch(r"([\w./-]+)(?:=([\w-]+)| in \(([\w,-]+)\))", selector)
    assert absent or one_of, selector
    found = set()
    for each in manifests.build(overlay):
        own = each["metadata"].get("labels", {})
        if (
            absent[1] not in own
            if absent
            else own.get(one_of[1]) in (one_of[2] or one_of[3]).split(",")
        ):
            found.add((each["kind"], each["metadata"]["name"]))
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_new_version_is_rolled_out_in_three_steps(overlay):
    lines = commands("**A new version**: the new tag in the overlay")
    applied = [line for line in lines if line.startswith("kubectl apply")]
    prefix = "kubectl apply --kustomize deploy/kubernetes/overlays/gpu-pool"
    assert all(line.startswith(prefix) for line in applied)
    settings, prepare, first, rest = (line.removeprefix(prefix).strip() for line in applied)
    chosen = [
        selected(overlay, each.removeprefix("--selector ").strip("'"))
        for each in (settings, prepare, first)
    ]
    named = {("ConfigMap", name) for name in of_kind(overlay, "ConfigMap")}
    assert named | {("Namespace", "style-license")} <= chosen[0]
    assert not {kind for kind, _ in chosen[0]} & {"Deployment", "Job"}
    assert chosen[1] == {("Job", "prepare")}
    assert chosen[2] == {("Deployment", name) for name in first_to_deploy()}
    assert rest == ""

    places = [lines.index(line) for line in applied]
    migrated = f"kubectl {NAMESPACE} wait --for=condition=complete --timeout=15m job/prepare"
    assert places[1] < lines.index(migrated) < places[2]
    waited = {
        lines.index(f"kubectl {NAMESPACE} rollout status --timeout=15m deployment/{name}")
        for name in first_to_deploy()
    }
    assert all(places[2] < place < places[3] for place in waited)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_after_a_restore_commands_are_run_while_nothing_serves(overlay):
    lines = commands("**After a restore** of the external database")
    assert f"kubectl {NAMESPACE} scale deployment --all --replicas=0" in lines
    paused = f"kubectl {NAMESPACE} annotate scaledobject --all autoscaling.keda.sh/paused-replicas"
    assert [line for line in lines if paused in line] == [f"{paused}=0", f"{paused}-"]
    run = re.findall(r"exec job/commands -- flask --app webapp.app (.+)", "\n".join(lines))
    assert run == ["restored", "ledger check --full", "license check-files"]

    [patch] = re.findall(r"--patch '(\[.*?\])'", "\n".join(lines), re.DOTALL)
    job = of_kind(overlay, "Job")["prepare"]
    arguments = ("patch", "--local", "--filename", "-", "--type", "json", "--output", "yaml")
    done = subprocess.run(
        [program("kubectl"), *arguments, "--patch", patch],
        input=yaml.safe_dump(job),
        check=True,
        capture_output=True,
        text=True,
    )
    made = yaml.safe_load(done.stdout)
    assert made["metadata"]["name"] == "commands"
    pod, own = made["spec"]["template"], job["spec"]["template"]
    assert manifests.process(pod)["command"][0] == "sleep"
    assert manifests.labels(pod) == manifests.labels(own), "the same network policies"
    known = manifests.secret_variables(manifests.process(pod))
    assert {"DATABASE_URL", "STORAGE_URL"} <= set(known)
