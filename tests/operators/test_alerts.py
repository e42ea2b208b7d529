"""Every alert fires when it must and only then, by Prometheus' own tools, and reaches somebody."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.operators.alert_cases import ABSENT, CASES, LOUD, QUIET
from tests.operators.tools import tool

ROOT = Path(__file__).parents[2]
RULES = [ROOT / "ops/alerts.yml", ROOT / "ops/slo.yml"]
MINUTES = 180
TO = {
    "ALERT_WEBHOOK_URL": "https://hooks.example/it's?a=1&b=2",
    "ALERT_MAIL_TO": "operators@example.com",
    "ALERT_MAIL_FROM": "alerts@example.com",
    "ALERT_SMTP": "smtp.example.com:587",
    "ALERT_SMTP_TLS": "true",
    "ALERT_SMTP_USER": "alerts",
    "ALERT_SMTP_PASSWORD": "it's secret",
}


def rules():
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def series(numbers):
    return [
        {"series": name, "values": value if isinstance(value, str) else f"{value}+0x{MINUTES}"}
        for name, value in numbers.items()
    ]


def case(alert, numbers, *, fires):
    question = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > 0'
    count = f"clamp_max({question}, 1)"
    expected = [{"labels": "{}", "value": 1}] if fires else []
    asked = {"expr": count, "eval_time": f"{MINUTES - 5}m", "exp_samples": expected}
    # A series that no rule knows: promtool refuses a test without any.
    known = numbers or {"nothing": 0}
    return {
        "name": f"{alert} {'fires' if fires else 'is quiet'}",
        "interval": "1m",
        "input_series": series(known),
        "promql_expr_test": [asked],
    }


def cases_of(alert):
    bad, good = CASES[alert]
    yield case(alert, bad, fires=True)
    yield case(alert, good, fires=False)
    if alert in ABSENT:
        yield case(alert, ABSENT[alert], fires=True)
    for numbers in LOUD.get(alert, ()):
        yield case(alert, numbers, fires=True)
    for numbers in QUIET.get(alert, ()):
        yield case(alert, numbers, fires=False)


def test_every_alert_fires_when_it_must_and_only_then(tmp_path):
    files = []
    for alert, rule in rules().items():
        alone = tmp_path / f"{alert}.rules.yml"
        alone.write_text(json.dumps({"groups": [{"name": "alone", "rules": [rule]}]}))
        files.append(tmp_path / f"{alert}.yml")
        known = {"rule_files": [alone.name], "evaluation_interval": "1m"}
        files[-1].write_text(json.dumps(known | {"tests": list(cases_of(alert))}))
    assert tool("promtool", "test", "rules", *map(str, files)).count("SUCCESS") == len(CASES)


def test_a_wrong_case_is_noticed(tmp_path):
    file = tmp_path / "tests.yml"
    shutil.copy(RULES[0], tmp_path)
    wrong = case("PostgresDown", {"pg_up": 1}, fires=True)
    file.write_text(json.dumps({"rule_files": [RULES[0].name], "tests": [wrong]}))
    with pytest.raises(AssertionError, match="FAILED"):
        tool("promtool", "test", "rules", str(file))


def test_every_alert_has_a_case_and_a_row_in_the_manual():
    assert sorted(CASES) == sorted(rules())
    manual = (ROOT / "docs/operations.md").read_text().partition("## Alerts")[2]
    for alert in rules():
        [row] = [line for line in manual.splitlines() if line.startswith(f"| `{alert}` |")]
        _, means, do = row.strip("| ").split(" | ", 2)
        assert min(len(means), len(do)) > 10, alert


def test_prometheus_reads_its_configuration():
    tool("promtool", "check", "config", "--syntax-only", str(ROOT / "ops/prometheus.yml"))
    read = yaml.safe_load((ROOT / "ops/prometheus.yml").read_text())
    assert {Path(file).name for file in read["rule_files"]} == {file.name for file in RULES}


def prometheus(tmp_path, token):
    """The script that starts Prometheus, with a command that shows its arguments instead."""
    file = tmp_path / "metrics_token"
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "ops/prometheus.sh"), "echo", "--storage"],
        env={
            "PATH": os.environ["PATH"],
            "METRICS_TOKEN": token,
            "METRICS_TOKEN_FILE": str(file),
        },
        check=False,
        capture_output=True,
        text=True,
    )
    return done, file


def test_prometheus_reads_the_token_of_the_site_from_the_file_that_its_script_writes(tmp_path):
    done, file = prometheus(tmp_path, "a token")
    assert (done.returncode, done.stdout) == (0, "--storage\n")
    assert file.read_text() == "a token"
    assert file.stat().st_mode & 0o077 == 0
    script = (ROOT / "ops/prometheus.sh").read_text()
    read = yaml.safe_load((ROOT / "ops/prometheus.yml").read_text())["scrape_configs"]
    [place] = [job["authorization"]["credentials_file"] for job in read if "authorization" in job]
    assert f":-{place}}}" in script
    assert place.startswith("/tmp/")  # noqa: S108 - of the container, in memory


def test_prometheus_does_not_start_without_the_token(tmp_path):
    done, _ = prometheus(tmp_path, "")
    assert done.returncode == 1
    assert "METRICS_TOKEN" in done.stderr


def configured(tmp_path, **changes):
    target = tmp_path / "alertmanager.yml"
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "ops/alertmanager.sh"), "echo"],
        env={"PATH": os.environ["PATH"], "ALERTMANAGER_CONFIG": str(target)} | TO | changes,
        check=False,
        capture_output=True,
        text=True,
    )
    return done, target


@pytest.mark.parametrize(
    "changes", [{}, {"ALERT_MAIL_TO": ""}, {"ALERT_WEBHOOK_URL": "", "ALERT_SMTP_USER": ""}]
)
def test_alerts_are_sent_by_mail_to_a_webhook_or_by_both(tmp_path, changes):
    done, target = configured(tmp_path, **changes)
    assert done.returncode == 0, done.stderr
    tool("amtool", "check-config", str(target))
    [receiver] = yaml.safe_load(target.read_text())["receivers"]
    variables = TO | changes
    assert ("webhook_configs" in receiver) == bool(variables["ALERT_WEBHOOK_URL"])
    assert ("email_configs" in receiver) == bool(variables["ALERT_MAIL_TO"])
    for hook in receiver.get("webhook_configs", ()):
        assert hook["url"] == TO["ALERT_WEBHOOK_URL"]
    for mail in receiver.get("email_configs", ()):
        assert mail["to"] == TO["ALERT_MAIL_TO"]
        assert mail.get("auth_password", "") == (
            TO["ALERT_SMTP_PASSWORD"] if variables["ALERT_SMTP_USER"] else ""
        )
    route = str(target)
    for severity in ("page", "ticket"):
        tool("amtool", "config", "routes", "test", f"--config.file={route}", f"severity={severity}")


def test_alertmanager_does_not_start_without_anybody_to_tell(tmp_path):
    done, _ = configured(tmp_path, ALERT_MAIL_TO="", ALERT_WEBHOOK_URL="")
    assert done.returncode == 1
    assert "reach nobody" in done.stderr
    done, _ = configured(tmp_path, ALERT_SMTP="")
    assert done.returncode == 1
