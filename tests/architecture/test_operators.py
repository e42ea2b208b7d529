"""Rules and dashboards ask only for numbers that are really shown, and every alert is explained."""

import json
import re
from pathlib import Path

import yaml
from prometheus_client import REGISTRY

import tasks.exporter
import tasks.task
import webapp.http.metrics
from celery_config import ROUTES, make_celery
from tasks.metrics import TASK_FAILURES, TASK_SECONDS, WORKER_SICK
from webapp.domain.services.operations import GAUGES
from webapp.http.metrics import REQUEST_SECONDS, WORKER_REPORTS

ROOT = Path(__file__).parents[2]
OPS = ROOT / "ops"
# Prometheus' own, the node exporter's, and the one that needs no query.
FOREIGN = {
    *("up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes", "database_up"),
    *("pg_up", "pg_stat_activity_count", "pg_settings_max_connections"),
    *("pg_replication_slot_slot_is_active", "redis_up", "alertmanager_notifications_failed_total"),
    *("rabbitmq_alarms_memory_used_watermark", "rabbitmq_alarms_free_disk_space_watermark"),
    "backup_last_success_timestamp_seconds",
}
WORDS = {
    *("sum", "max", "by", "on", "rate", "increase", "absent", "histogram_quantile", "and", "or"),
    *("time", "avg_over_time", "vector"),
}


def shown():
    """Every name that a scrape of the site or of a worker may hold."""
    told = "0, Card, 1, 2, 50"
    cards = tasks.exporter.Gpus(("echo", told)).collect()
    ours = [webapp.http.metrics, tasks.task]
    assert ours
    measured = {
        name
        for family in REGISTRY.collect()
        for name in (
            {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
            if family.type == "histogram"
            else {f"{family.name}_total"} if family.type == "counter" else {family.name}
        )
    }  # fmt: skip
    return measured | {family.name for family in cards} | {gauge.name for gauge in GAUGES} | FOREIGN


def names(expression):
    """Names of metrics in an expression: no label, no string, no grouping, no function."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|on)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"[a-z_]{2,}", bare)) - WORDS


def rules():
    read = [yaml.safe_load((OPS / file).read_text()) for file in ("alerts.yml", "slo.yml")]
    return [rule for file in read for group in file["groups"] for rule in group["rules"]]


def panels():
    files = (OPS / "grafana/dashboards").glob("*.json")
    return [panel for file in files for panel in json.loads(file.read_text())["panels"]]


def test_rules_ask_for_what_is_shown():
    known = shown()
    assert len(rules()) >= 15
    for rule in rules():
        assert names(rule["expr"]), rule["alert"]
        assert names(rule["expr"]) <= known, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]


def test_the_dashboards_ask_for_what_is_shown_and_show_all_of_ours():
    asked = set()
    for panel in panels():
        for target in panel["targets"]:
            asked |= names(target["expr"])
    assert asked <= shown()
    for gauge in GAUGES:
        assert gauge.name in asked | {name for rule in rules() for name in names(rule["expr"])}


def test_every_alert_and_every_number_is_explained():
    manual = (ROOT / "docs/operations.md").read_text()
    for rule in rules():
        assert f"`{rule['alert']}`" in manual
    for name in shown() - FOREIGN:
        plain = re.sub(r"_(bucket|count|sum|total)$", "", name)
        if not plain.startswith(("python", "process")):
            assert f"`{plain}" in manual, plain


def test_the_manual_says_which_alerts_need_more_than_the_jobs_of_a_cluster():
    file = ROOT / "deploy/kubernetes/prometheus.yml"
    jobs = yaml.safe_load(file.read_text())["scrape_configs"]
    assert {job["job_name"] for job in jobs} == {"site", "workers"}
    of_others = FOREIGN - {"up", "database_up"}
    needing = {
        rule["alert"]
        for rule in rules()
        if names(rule["expr"]) & of_others or 'job=~"machine' in rule["expr"]
    }
    manual = (ROOT / "docs/operations.md").read_text()
    [row] = re.findall(r"^\| Prometheus \|.*", manual, re.MULTILINE)
    assert set(re.findall(r"`([A-Z][a-z]\w+)`", row)) == needing


def test_the_manual_says_what_is_known_of_a_gpu_and_what_is_not():
    known = {family.name for family in tasks.exporter.Gpus(("echo", "0, Card, 1, 2, 50")).collect()}
    assert known == {"gpu_memory_bytes", "gpu_busy_ratio"}
    manual = (ROOT / "docs/operations.md").read_text()
    said = manual.partition("**GPUs.** Their two numbers")[2].partition("\n\n")[0]
    for word in ("nvidia-smi", "temperature", "ECC", "`WorkerDown`", "ops/prometheus.yml"):
        assert word in said


def test_all_files_of_ops_are_read_by_a_service():
    compose = (ROOT / "docker-compose.yml").read_text()
    for path in OPS.rglob("*"):
        folders = {path, *path.parents} & set(OPS.rglob("*"))
        read = [f"./ops/{each.relative_to(OPS)}:" in compose for each in folders]
        assert path.is_dir() or any(read), path
    scraped = yaml.safe_load((OPS / "prometheus.yml").read_text())["scrape_configs"]
    services = yaml.safe_load(compose)["services"]
    hosts = {
        host.partition(":")[0]
        for job in scraped
        for found in (*job.get("static_configs", ()), *job.get("dns_sd_configs", ()))
        for host in found.get("targets", found.get("names"))
    }
    workers = {name for name in services if name.startswith("worker-")}
    theirs = {"machine", "rabbitmq", "postgres-exporter", "redis-exporter", "alertmanager"}
    assert hosts == {"web-1", "web-2"} | theirs | workers
    assert hosts - {"web-1"} <= set(services)
    assert services["web"]["networks"]["default"]["aliases"] == ["web-1"]


def test_every_task_of_beat_is_explained():
    manual = (ROOT / "docs/operations.md").read_text().partition("## Housekeeping")[2]
    for name in make_celery("memory://").conf.beat_schedule:
        assert f"| `{name}` |" in manual


def test_every_label_that_is_asked_for_is_one_of_its_number():
    expressions = [rule["expr"] for rule in rules()]
    expressions += [target["expr"] for panel in panels() for target in panel["targets"]]
    asked = 0
    for expression in expressions:
        for name, labels in re.findall(r"([a-z_]+)\{([^}]*)\}", expression):
            for label in re.findall(r"([a-z_]+)\s*[=!]", re.sub(r'"[^"]*"', '""', labels)):
                asked += 1
                assert label in labels_of(name), f"{name} has no {label}"
    assert asked >= 10


def labels_of(name):
    """Which labels a number has; those of others are theirs to say."""
    gauges = {gauge.name: gauge.labels for gauge in GAUGES}
    cards = tasks.exporter.Gpus(("echo", "0, Card, 1, 2, 50")).collect()
    gauges |= {family.name: family._labelnames for family in cards}
    plain = re.sub(r"_(bucket|count|sum|total)$", "", name)
    ours = {REQUEST_SECONDS, WORKER_REPORTS, TASK_SECONDS, TASK_FAILURES, WORKER_SICK}
    gauges |= {metric._name: metric._labelnames for metric in ours}
    gauges["backup_last_success_timestamp_seconds"] = ("kind",)
    return {"job", "instance", "mountpoint", "fstype", "le", *gauges.get(plain, ())}


def test_what_beat_calls_is_housekeeping_and_its_silence_is_noticed():
    schedule = make_celery("memory://").conf.beat_schedule
    assert all(ROUTES[entry["task"]] == "housekeeping" for entry in schedule.values())
    [stopped] = [rule for rule in rules() if rule["alert"] == "HousekeepingStopped"]
    for entry in schedule.values():
        if isinstance(entry["schedule"], float):
            assert entry["schedule"] * 2 < 10800, "noticed only after two misses"
    assert "> 10800" in stopped["expr"]
