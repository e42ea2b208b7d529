"""deploy/kubernetes is valid, hardened, complete, and runs the processes of docker-compose.yml.

No cluster is needed. The schemas of KEDA are not published with those of Kubernetes:
test_kubernetes_pools.py compares its objects with what they name.
"""

import copy
import functools
import json
import re
from pathlib import Path

import kubernetes_validate
import kubernetes_validate.utils
import pytest
import yaml

from tests import compose
from tests.architecture.test_docker_compose import ENV, GPU_WORKERS, KNOWN_BY, OURS as COMPOSED
from tests.operators import manifests
from tests.operators.manifests import OVERLAYS, containers, of_kind, pods, process

ROOT = Path(__file__).parents[2]
# Its second web is the second replica here.
OURS = {name: service for name, service in COMPOSED.items() if name != "web-2"}
SERVING = ROOT / "webapp/serving.py"  # read as text: importing it configures a process
VERSIONS = ("1.30", "1.37")
OVERRIDE = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())["services"]
# The addresses of an installation, and paths of files that compose mounts elsewhere.
OWN_VALUES = {
    *("PUBLIC_BASE_URL", "CONTENT_CREDENTIALS_CHAIN", "CONTENT_CREDENTIALS_ROOTS"),
    "CONTENT_CREDENTIALS_KEY",
}
URLS = {
    "POSTGRES_PASSWORD": "DATABASE_URL",
    "RABBITMQ_PASSWORD": "BROKER_URL",
    "STORAGE_SECRET_KEY": "STORAGE_URL",
}
SINGLE = {"prepare", "beat", "flower"}
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def override(overlay, name):
    """What docker-compose.gpu.yml changes in a service, where the overlay has GPUs."""
    return OVERRIDE.get(name, {}) if overlay == "gpu-pool" else {}


@pytest.fixture
def schemas(monkeypatch):
    """The published schemas; each file of them is read once, not once per object."""
    reading = functools.cache(kubernetes_validate.utils.schema_contents)
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", reading)
    return kubernetes_validate


def test_every_object_is_valid_by_the_published_schemas(schemas):
    every = [each for overlay in OVERLAYS for each in manifests.build(overlay)]
    distinct = {json.dumps(each) for each in (*every, *manifests.examples())}
    valid = [each for each in map(json.loads, distinct) if each["kind"] != "ScaledObject"]
    assert len(valid) >= 50
    for each in valid:
        for version in VERSIONS:
            schemas.validate(each, version, strict=True)


def test_a_field_that_does_not_exist_is_noticed():
    wrong = copy.deepcopy(of_kind("one-node", "Deployment")["web"])
    process(wrong["spec"]["template"])["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@every_overlay
def test_the_processes_are_those_of_docker_compose(overlay):
    assert set(pods(overlay)) == set(OURS)
    assert set(of_kind(overlay, "Job")) == {"prepare"}
    for name, pod in pods(overlay).items():
        service, container = OURS[name], process(pod)
        assert container.get("command") == service.get("command"), name
        target = (service["build"] | override(overlay, name).get("build", {}))["target"]
        image, _, tag = container["image"].rpartition(":")
        assert image.endswith(f"/style-license-{target}"), name
        assert tag not in {"", "latest"}
        limit = container["resources"]["limits"]["memory"]
        assert manifests.mebibytes(limit) == manifests.mebibytes(service["mem_limit"]), name
        grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
        assert grace >= manifests.seconds(service.get("stop_grace_period", "10s")), name


@every_overlay
def test_a_process_has_the_variables_and_values_of_docker_compose(overlay):
    for name, pod in pods(overlay).items():
        changed = override(overlay, name).get("environment", {})
        expected = OURS[name]["environment"] | {
            variable: compose.interpolated(text, ENV) for variable, text in changed.items()
        }
        if name in GPU_WORKERS:
            # They reach nothing outside but the storage.
            del expected["SENTRY_DSN"]
        values = manifests.plain_variables(overlay, process(pod))
        assert set(values) | set(manifests.secret_variables(process(pod))) == set(expected), name
        same = set(values) - OWN_VALUES
        assert {key: values[key] for key in same} == {key: expected[key] for key in same}, name


@every_overlay
@pytest.mark.parametrize("secret, services", KNOWN_BY.items())
def test_a_secret_is_known_only_by_those_who_use_it(overlay, secret, services):
    variable = URLS.get(secret, secret)
    given = {
        name: [manifests.secret_variables(container) for container in containers(pod)]
        for name, pod in pods(overlay).items()
    }
    knowing = {name for name, each in given.items() if any(variable in names for names in each)}
    assert knowing == services & set(OURS)


@every_overlay
def test_one_process_alone_has_the_key_that_signs_pictures(overlay):
    readers = {name for name, pod in pods(overlay).items() if "credentials-key" in str(pod)}
    assert readers == {"worker-cpu"}


@every_overlay
def test_no_container_can_gain_rights_or_take_the_whole_machine(overlay):
    [namespace] = of_kind(overlay, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in pods(overlay).items():
        spec, security = pod["spec"], pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["fsGroup"] == 10001, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"]["limits"]["memory"]
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]  # noqa: S108
        assert not any("hostPath" in volume for volume in spec["volumes"])
        for volume in spec["volumes"]:
            assert volume.get("emptyDir", {"sizeLimit": "of others"})["sizeLimit"], name


def probe_target(container, probe):
    """What a probe asks: the command, or port and path."""
    if "exec" in probe:
        return probe["exec"]["command"]
    return manifests.ports(container)[probe["httpGet"]["port"]], probe["httpGet"]["path"]


def compose_target(name):
    """What the health check of docker-compose.yml asks."""
    return asked(OURS[name]["healthcheck"]["test"])


def image_target():
    """What the health check of the Dockerfile asks: whether the process of the site answers."""
    return asked(
        re.findall(r"HEALTHCHECK .*CMD (\[.*\])", (ROOT / "docker/Dockerfile").read_text())
    )


def asked(test):
    url = re.search(r"http://127\.0\.0\.1:(\d+)(/[a-z/]+)", str(test))
    if url:
        return int(url[1]), url[2]
    return ["/bin/sh", "-c", *test[1:]] if test[0] == "CMD-SHELL" else test[1:]


@every_overlay
def test_every_process_that_stays_is_probed_as_in_docker_compose(overlay):
    for name in of_kind(overlay, "Deployment"):
        container = process(pods(overlay)[name])
        probes = {kind: container[kind] for kind in container if kind.endswith("Probe")}
        assert probes, name
        if name == "web":
            # Compose starts no process again because of this answer; a cluster would, so what
            # decides about that is another one.
            ready = probe_target(container, probes.pop("readinessProbe"))
            assert ready == compose_target(name) == (8000, "/readyz/process")
        target = image_target() if name == "web" else compose_target(name)
        for probe in probes.values():
            assert probe_target(container, probe) == target, name
        # A relay is silent while the broker is away, and a restart would not help.
        assert ("livenessProbe" in probes) == (name != "relay"), name
        start = OURS[name].get("healthcheck", {}).get("start_period")
        if start and name != "relay":
            probe = probes["startupProbe"]
            longest = probe["periodSeconds"] * probe["failureThreshold"]
            assert longest >= manifests.seconds(start), name


@every_overlay
def test_a_web_drains_before_it_is_killed(overlay):
    [graceful] = re.findall(r"^graceful_timeout = (\d+)$", SERVING.read_text(), re.MULTILINE)
    pod = pods(overlay)["web"]["spec"]
    program, seconds = process({"spec": pod})["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "sleep"
    assert pod["terminationGracePeriodSeconds"] > int(seconds) + int(graceful)
    strategy = of_kind(overlay, "Deployment")["web"]["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@every_overlay
def test_every_config_map_secret_and_volume_that_is_named_is_there(overlay):
    maps, secrets = (manifests.contents(overlay, kind) for kind in ("ConfigMap", "Secret"))
    claims = of_kind(overlay, "PersistentVolumeClaim")
    used = {"tls"}  # of the Ingress
    for name, pod in pods(overlay).items():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        for container in containers(pod):
            sources = {each["configMapRef"]["name"] for each in container.get("envFrom", ())}
            assert sources <= set(maps), name
            for holder, key in manifests.secret_variables(container).values():
                assert key in secrets[holder], name
                used.add(holder)
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes), name
        for volume in volumes.values():
            assert volume.get("configMap", {"name": "credentials"})["name"] in maps
            claim = volume.get("persistentVolumeClaim", {"claimName": "models"})
            assert claim["claimName"] in claims
            used |= {volume["secret"]["secretName"]} if "secret" in volume else set()
    assert used == set(secrets)


@every_overlay
def test_every_file_that_a_variable_names_is_mounted(overlay):
    files = 0
    for name, pod in pods(overlay).items():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        mounts = {each["mountPath"]: volumes[each["name"]] for each in process(pod)["volumeMounts"]}
        for variable, value in manifests.plain_variables(overlay, process(pod)).items():
            if variable.startswith("CONTENT_CREDENTIALS_"):
                folder, _, file = value.rpartition("/")
                volume = mounts[folder]
                kind, holder = (
                    ("Secret", volume["secret"]["secretName"])
                    if "secret" in volume
                    else ("ConfigMap", volume["configMap"]["name"])
                )
                assert file in manifests.contents(overlay, kind)[holder], name
                files += 1
    assert files == 2 * 10 + 1


@every_overlay
def test_a_drained_node_takes_one_pod_of_a_kind_at_a_time(overlay):
    budgets = [each["spec"] for each in of_kind(overlay, "PodDisruptionBudget").values()]
    for name, pod in pods(overlay).items():
        most = [
            each["maxUnavailable"] for each in budgets if manifests.selects(each["selector"], pod)
        ]
        assert most == ([] if name in SINGLE else [1]), name


@every_overlay
def test_each_pool_gets_gpus_as_in_the_override(overlay):
    given = {name: pod["spec"] for name, pod in pods(overlay).items() if "nvidia.com" in str(pod)}
    assert set(given) == {name for name in OURS if "deploy" in override(overlay, name)}
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    for name, spec in given.items():
        assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert spec["nodeSelector"] == {"style-license/pool": "gpu"}
        assert spec["tolerations"] == [toleration]
        strategy = of_kind(overlay, "Deployment")[name]["spec"]["strategy"]
        assert strategy["rollingUpdate"]["maxSurge"] == 0, "a new pod would wait for the GPU"
    for name in GPU_WORKERS:
        volumes = override(overlay, name).get("volumes", OURS[name]["volumes"])
        mounts = {mount["mountPath"] for mount in process(pods(overlay)[name])["volumeMounts"]}
        paths = {volume.partition(":")[2] for volume in volumes}
        assert mounts - {"/tmp"} == paths, name  # noqa: S108 - of the container


def test_the_example_holds_placeholders_and_no_other_file_a_secret():
    for each in manifests.examples():
        for key, value in (each.get("data") or each["stringData"]).items():
            is_empty = key in {"SENTRY_DSN", "DATABASE_DIRECT_URL", "SMTP_URL"} or (
                key.endswith("_FALLBACKS") and value == "[]"
            )
            assert "{{" in value or is_empty, f"{each['metadata']['name']}: {key}"
    for file in manifests.FOLDER.rglob("*"):
        if file.is_file() and file.name != "secrets.example.yaml":
            text = file.read_text(encoding="utf-8")
            assert not re.search(r"^kind: Secret$|secretGenerator", text, re.MULTILINE), file
