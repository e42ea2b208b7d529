"""The dashboards, evaluated by Prometheus' own `promtool` on a month of known numbers."""

import json
from pathlib import Path

import pytest

from tests.operators.tools import tool

DASHBOARD = Path(__file__).parents[2] / "ops/grafana/dashboards/objectives.json"
SAMPLES = 31 * 24 * 6  # one in ten minutes
# What a month looks like that spends this share of every budget.
SHARES = [0, 0.5]
BUDGETS = {
    "Answers without a server error": 0.001,
    "Answers within half a second": 0.01,
    "Pictures delivered": 0.01,
    "Ledger proved": 0.001,
}


def panels(kind):
    read = json.loads(DASHBOARD.read_text())
    return {panel["title"]: panel for panel in read["panels"] if panel["type"] == kind}


def month(share):
    """Ten minutes have a million requests, an hour has a thousand pictures.

    With a share of 0 nothing has ever failed, so there are no series of failures.
    """
    server_errors, late, failed, unproved = (share * budget for budget in BUDGETS.values())
    million = 1_000_000
    counted = {
        'http_request_seconds_count{route="/",status="200"}': million * (1 - server_errors),
        'http_request_seconds_bucket{route="/",le="0.5"}': million * (1 - late),
    }
    if share:
        counted['http_request_seconds_count{route="/",status="500"}'] = million * server_errors
    held = {'jobs_ended_last_hour{kind="generation",state="done"}': 1000 * (1 - failed)}
    if share:
        held['jobs_ended_last_hour{kind="generation",state="failed"}'] = 1000 * failed
    held["ledger_check_ok"] = 1 - unproved
    return [
        *({"series": name, "values": f"0+{each:g}x{SAMPLES}"} for name, each in counted.items()),
        *({"series": name, "values": f"{each!r}+0x{SAMPLES}"} for name, each in held.items()),
    ]


def at_the_end(expression, value):
    """A question for promtool: the value after 30 days, to five digits."""
    return {
        "expr": f"round(100000 * sum({expression}))",
        "eval_time": f"{30 * 24}h",
        "exp_samples": [{"labels": "{}", "value": round(100000 * value)}],
    }


@pytest.mark.parametrize("share", SHARES)
def test_a_month_shows_what_is_left_of_every_budget(tmp_path, share):
    objectives, left = panels("stat"), panels("gauge")
    questions = []
    for (name, budget), goal, gauge in zip(
        BUDGETS.items(), objectives.values(), left.values(), strict=True
    ):
        assert (name in goal["title"], name in gauge["title"]) == (True, True)
        questions.append(at_the_end(goal["targets"][0]["expr"], 1 - share * budget))
        questions.append(at_the_end(gauge["targets"][0]["expr"], 1 - share))
    spent = [each for name, each in panels("timeseries").items() if "budget is spent" in name]
    questions += [at_the_end(each["expr"], share) for panel in spent for each in panel["targets"]]
    assert len(questions) == 4 * len(BUDGETS)
    case = {"name": "a month", "interval": "10m", "input_series": month(share)}
    file = tmp_path / "month.yml"
    file.write_text(json.dumps({"tests": [case | {"promql_expr_test": questions}]}))
    assert "SUCCESS" in tool("promtool", "test", "rules", str(file))
