"""Values that no page sends to Sets: each is answered with an error of its own, never with 500."""

import json

import pytest

from tests import sets_albums as albums
from webapp.domain.models.sets_job import SetsJobStatus

API = "/api/v1/sets"
NUL = "\0"
HUGE = 10**400  # a number of JSON that no float can hold


@pytest.fixture
def job(session, storage, anonymous_account):
    made = albums.album(session, storage, of=anonymous_account, concepts={})
    session.commit()
    return made


def rule(**setting):
    return {"name": "Mine", "preset_id": "interior", "concepts": {"Wall": setting}}


@pytest.mark.parametrize(
    "setting",
    [
        {"action": "tone", "value": "warmer", "options": {"amount": HUGE}},
        {"action": "tone", "value": "warmer", "options": {"amount": -HUGE}},
        {"action": "recolor", "value": NUL},
        {"action": NUL},
        {"action": "texture", "value": "oak_a", "options": {"plane": {"corners": [[HUGE, 0]] * 4}}},
    ],
)
def test_a_setting_that_means_nothing_is_refused(sets_client, setting):
    body = json.dumps(rule(**setting))  # orjson writes no such numbers
    answer = sets_client.post(f"{API}/rules", data=body, content_type="application/json")
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json["error"]["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize("options", [{NUL: None}, {"plane": {NUL: None}, NUL: None}])
def test_what_is_null_is_not_kept(sets_client, options):
    plane = {"corners": [[0, 0], [1, 0], [1, 1], [0, 1]], "width": 2, "height": 2}
    if "plane" in options:
        options = options | {"plane": plane | options["plane"]}
    answer = sets_client.post(
        f"{API}/rules", json=rule(action="texture", value="oak_a", options=options)
    )
    assert answer.status_code == 201, answer.text
    kept = answer.json["data"]["concepts"]["Wall"]["options"]
    assert kept == ({"plane": plane} if "plane" in options else {})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(sets_client, job, number):
    tone = rule(action="tone", value="warmer", options={"amount": "?"})
    click = {"idx": 0, "concept": "Wall", "points": [{"x": "?", "y": 0.5}]}
    for path, body in (("/rules", tone), (f"/jobs/{job.public_id}/instances", click)):
        data = json.dumps(body).replace('"?"', number)
        answer = sets_client.post(f"{API}{path}", data=data, content_type="application/json")
        assert answer.status_code in {400, 422}, answer.text


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("GET", "/jobs?preset=%00", None),
        ("GET", "/rules?preset_id=%00", None),
        ("GET", "/jobs/{job}/instances?concept=%00", None),
        ("GET", "/jobs/{job}/export?jobs=%00", None),
        ("GET", "/jobs/{job}/export?template=%00", None),
        ("GET", "/jobs/%00", None),
        ("POST", "/jobs", {"source_job_id": NUL}),
        ("POST", "/jobs", {"preset": NUL, "item_count": 1}),
        ("PATCH", "/jobs/{job}/instances", {"changes": [{"instance_id": NUL, "state": "lock"}]}),
        ("POST", "/jobs/{job}/execute", {"rule_id": NUL}),
        (
            "POST",
            "/jobs/{job}/instances",
            {"idx": 0, "concept": "Wall", "points": [{"x": 0, "y": 0}], "instance_id": NUL},
        ),
        ("POST", "/jobs/{job}/instances/%00/carry", {}),
    ],
)
def test_a_nul_is_no_name(sets_client, session, job, method, path, body):
    job.status = SetsJobStatus.DONE if "export" in path else job.status
    session.commit()
    answer = sets_client.open(f"{API}{path.format(job=job.public_id)}", method=method, json=body)
    assert answer.status_code < 500, answer.text
