"""deploy/kubernetes: what reaches what, and how many workers there are, by our own metrics."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.architecture import test_operators as operators
from tests.architecture.test_docker_compose import CPU_WORKERS, GPU_WORKERS, OURS
from tests.operators import manifests
from tests.operators.manifests import OVERLAYS, of_kind, pods, process
from tests.operators.tools import tool
from webapp.domain.services.operations import GAUGES

ROOT = Path(__file__).parents[2]
PLATFORM = {"names", "broker", "database", "sentry"}
FILES = PLATFORM | {"storage"}
# The policies of each process: what it may reach.
REACHES = {
    "relay": PLATFORM,
    **dict.fromkeys(("prepare", *CPU_WORKERS), FILES),
    "web": FILES | {"redis", "providers"},
    "worker-housekeeping": FILES | {"providers"},
    "worker-verify": FILES | {"redis"},
    "worker-outgoing": PLATFORM | {"outgoing"},
    "worker-mail": PLATFORM | {"mail"},
    **{name: {"names", "broker", "sentry"} for name in ("beat", "flower")},
    **{name: {"names", "broker", "storage", "worker-api"} for name in GPU_WORKERS},
}
# The policies that lead anywhere but into private networks, and to which ports.
OUTSIDE = {
    "providers": [{"port": 443}],
    "outgoing": [{"port": 443}, {"port": 1024, "endPort": 65535}],
    "mail": [{"port": 465}, {"port": 587}],
}
EXTERNAL = ("database", "broker", "redis", "storage", "sentry")
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@every_overlay
def test_a_process_reaches_what_it_uses_and_a_gpu_worker_no_database(overlay):
    deny = of_kind(overlay, "NetworkPolicy")["deny"]["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, pod in pods(overlay).items():
        assert manifests.policies(overlay, pod, "Egress") == REACHES[name], name
        reached_by = {"web"} if name == "web" else set()
        reached_by |= {"metrics"} if name in CPU_WORKERS | GPU_WORKERS else set()
        assert manifests.policies(overlay, pod, "Ingress") == reached_by, name


@every_overlay
def test_every_rule_names_its_peers_and_ports_and_few_lead_outside(overlay):
    for name, policy in of_kind(overlay, "NetworkPolicy").items():
        rules = [*policy["spec"].get("egress", ()), *policy["spec"].get("ingress", ())]
        for rule in rules:
            assert rule["ports"]
            assert all("port" in port for port in rule["ports"])
            peers = rule.get("to") or rule["from"]
            assert peers
            assert all(peers), "an empty peer is everybody"
        outside = [rule for rule in rules if "0.0.0.0/0" in str(rule)]
        if name not in OUTSIDE:
            assert not outside, name
            continue
        [rule] = outside
        assert rule["ports"] == OUTSIDE[name]
        private = set(rule["to"][0]["ipBlock"]["except"])
        assert private >= {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}


@every_overlay
def test_services_the_ingress_and_policies_lead_to_open_ports(overlay):
    services, policies = of_kind(overlay, "Service"), of_kind(overlay, "NetworkPolicy")
    targets = [
        ({"matchLabels": each["spec"]["selector"]}, port["targetPort"])
        for each in services.values()
        for port in each["spec"]["ports"]
    ]
    for name in ("web", "metrics"):
        [rule] = policies[name]["spec"]["ingress"]
        targets += [(policies[name]["spec"]["podSelector"], port["port"]) for port in rule["ports"]]
    for selector, port in targets:
        selected = [pod for pod in pods(overlay).values() if manifests.selects(selector, pod)]
        assert selected
        assert all(port in manifests.ports(process(pod)) for pod in selected)
    [rule] = of_kind(overlay, "Ingress")["web"]["spec"]["rules"]
    [path] = rule["http"]["paths"]
    target = path["backend"]["service"]
    target_ports = {port["name"] for port in services[target["name"]]["spec"]["ports"]}
    assert target["port"]["name"] in target_ports


@every_overlay
def test_gpu_workers_call_the_service_of_the_web(overlay):
    for name in GPU_WORKERS:
        values = manifests.plain_variables(overlay, process(pods(overlay)[name]))
        url = re.fullmatch(r"http://([\w-]+):(\d+)", values["INTERNAL_API_URL"])
        service = of_kind(overlay, "Service")[url[1]]
        assert int(url[2]) in {port["port"] for port in service["spec"]["ports"]}


@every_overlay
def test_the_addresses_of_the_overlay_are_where_they_belong(overlay):
    values = manifests.addresses(overlay)
    assert "addresses" not in of_kind(overlay, "ConfigMap")
    policies = of_kind(overlay, "NetworkPolicy")
    for name in EXTERNAL:
        [rule] = policies[name]["spec"]["egress"]
        assert rule["to"] == [{"ipBlock": {"cidr": values[name]}}]
    assert len({values[name] for name in EXTERNAL}) == len(EXTERNAL)
    assert values["ingress-namespace"] in str(policies["web"])
    for name in ("web", "metrics"):
        assert values["prometheus-namespace"] in str(policies[name])
    ingress = of_kind(overlay, "Ingress")["web"]["spec"]
    assert ingress["ingressClassName"] == values["ingress-class"]
    assert ingress["tls"] == [{"hosts": [values["host"]], "secretName": "tls"}]
    assert [rule["host"] for rule in ingress["rules"]] == [values["host"]]
    web = manifests.plain_variables(overlay, process(pods(overlay)["web"]))
    assert web["PUBLIC_BASE_URL"] == f"https://{values['host']}"
    assert web["TRUSTED_PROXIES"] == "1"


def words_of(name):
    return OURS[name]["command"]


def test_every_pool_is_scaled_by_the_jobs_of_its_queues():
    scaled = of_kind("gpu-pool", "ScaledObject")
    # What beat sends is no job, so nothing counts it.
    assert set(scaled) == (CPU_WORKERS | GPU_WORKERS) - {"worker-housekeeping"}
    assert not of_kind("one-node", "ScaledObject")
    labels = {gauge.name: gauge.labels for gauge in GAUGES}
    for name, each in scaled.items():
        spec = each["spec"]
        assert spec["scaleTargetRef"] == {"name": name}
        assert "replicas" not in of_kind("gpu-pool", "Deployment")[name]["spec"]
        assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
        [trigger] = spec["triggers"]
        metadata, words = trigger["metadata"], words_of(name)
        assert trigger["type"] == "prometheus"
        assert metadata["ignoreNullValues"] == "false", "unknown is not zero"
        assert metadata["serverAddress"] == manifests.addresses("gpu-pool")["prometheus"]
        [metric] = operators.names(metadata["query"])
        assert set(labels[metric]) == {"queue", "task", "state"}
        queues = re.search(r'queue=~"([^"]*)"', metadata["query"])[1].split("|")
        assert set(queues) == set(words[words.index("-Q") + 1].split(",")), name
        assert int(metadata["threshold"]) > int(words[words.index("-c") + 1]), name


COUNTS = {
    ("money", "deliver_generation", "waiting"): 5,
    ("money", "deliver_generation", "running"): 2,
    ("default", "publish_style", "waiting"): 1,
    ("money", "refund", "delayed"): 50,
    ("uploads", "check_photo", "waiting"): 70,
    ("verify", "search_watermark", "running"): 3,
    ("outgoing", "deliver_webhook", "waiting"): 23,
    ("mail", "send_mail_digest", "waiting"): 31,
    ("mail", "send_mail_digest", "delayed"): 12,
    ("editing", "apply_rules", "waiting"): 11,
    ("segmentation", "segment_photos", "waiting"): 13,
    ("model_training", "train_style", "running"): 4,
    ("image_generation", "render_images", "waiting"): 17,
    ("image_generation", "render_images", "delayed"): 90,
}
JOBS = {
    "worker-cpu": 8,
    "worker-uploads": 70,
    "worker-verify": 3,
    "worker-outgoing": 23,
    "worker-mail": 31,
    "worker-editing": 11,
    "worker-segmentation": 13,
    "worker-gpu-train": 4,
    "worker-gpu-render": 17,
}


def rows(web):
    """The jobs of COUNTS, as each web reports them."""
    for (queue, task, state), count in COUNTS.items():
        labels = f'queue="{queue}",task="{task}",state="{state}",instance="{web}"'
        yield {"series": f"queue_messages{{{labels}}}", "values": f"{count} {count}"}


def test_each_query_counts_the_jobs_that_wait_or_run_and_two_webs_do_not_double_them(tmp_path):
    questions = []
    for name, scaled in of_kind("gpu-pool", "ScaledObject").items():
        query = scaled["spec"]["triggers"][0]["metadata"]["query"]
        samples = [{"labels": "{}", "value": JOBS[name]}]
        questions.append({"expr": query, "eval_time": "1m", "exp_samples": samples})
    assert len(questions) == len(JOBS)
    series = [*rows("web-1"), *rows("web-2")]
    case = {"interval": "1m", "input_series": series, "promql_expr_test": questions}
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps({"tests": [case]}))
    assert "SUCCESS" in tool("promtool", "test", "rules", str(file))


@pytest.mark.parametrize(
    "job, label, expected",
    [
        ("site", "app.kubernetes.io/component", {"web"}),
        ("workers", "style-license/pool", CPU_WORKERS | GPU_WORKERS),
    ],
)
def test_prometheus_finds_the_processes_under_the_names_that_alerts_know(job, label, expected):
    # Debian's promtool is built without the discovery of Kubernetes, so it cannot read the file.
    scraped = yaml.safe_load((manifests.FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    known = yaml.safe_load((ROOT / "ops/prometheus.yml").read_text())["scrape_configs"]
    assert job in {each["job_name"] for each in known}
    [by_label, by_port, *_] = next(each for each in scraped if each["job_name"] == job)[
        "relabel_configs"
    ]
    meta = "__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", label)
    assert by_label["source_labels"] == [meta]
    assert by_label["action"] == by_port["action"] == "keep"
    selected = {
        name
        for name, pod in pods("gpu-pool").items()
        if re.fullmatch(by_label["regex"], manifests.labels(pod)[label])
        and by_port["regex"] in manifests.ports(process(pod))
    }
    assert selected == expected
