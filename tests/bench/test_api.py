"""How a run of `make bench-api` is judged."""

import pytest

from tests.bench.api import faults

GOOD = {"errors": [], "waits": [{"state": "completed", "seconds": 2}]}
SLOW = {"errors": 0, "p95": 950}


@pytest.mark.parametrize("people, expected", [(100, ["p95 950 ms"]), (300, [])])
def test_slow_answers_are_a_fault_of_the_goal_and_none_of_an_overload(people, expected):
    assert faults(GOOD | {"routes": [SLOW]}, [], people=people) == expected


def test_orders_that_still_wait_are_a_fault_only_at_the_goal():
    waiting = [{"state": "queued", "seconds": 60}]
    found = GOOD | {"routes": [{"errors": 0, "p95": 20}], "waits": waiting}
    assert faults(found, [], people=100) == waiting
    assert faults(found, [], people=300) == []


@pytest.mark.parametrize("people", [100, 300])
def test_errors_failed_orders_and_a_wrong_ledger_are_faults_however_many_people_come(people):
    fine = {"errors": 0, "p95": 20}
    assert faults(GOOD | {"routes": [fine]}, [], people=people) == []
    assert faults(GOOD | {"routes": [fine]}, ["a violation"], people=people) == ["a violation"]
    failed = [{"state": "failed", "seconds": 3}]
    assert faults(GOOD | {"routes": [fine], "waits": failed}, [], people=people) == failed
    refused = GOOD | {"routes": [fine | {"errors": 2}], "errors": ["503"]}
    assert faults(refused, [], people=people) == ["503"]
    unnamed = GOOD | {"routes": [fine | {"errors": 2}]}
    assert faults(unnamed, [], people=people) == ["2 requests failed"]
