from datetime import timedelta

import pytest

from tests import making
from tests.database import at_once
from tests.webapp.conftest import error_code, sets_client_of

RULES = "/api/v1/sets/rules"
OAK = {
    "name": "Warm oak",
    "preset_id": "interior",
    "concepts": {"Floor": {"action": "texture", "value": "oak_a"}},
    "protect": ["Grout"],
}


def fields(answer):
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR"), answer.text
    return answer.json["error"]["details"]["fields"]


def test_a_rule_is_saved_and_read_again(sets_client):
    made = sets_client.post(RULES, json=OAK)
    assert made.status_code == 201
    rule = made.json["data"]
    assert rule["id"].startswith("rule_")
    assert rule["concepts"] == {
        "Floor": {
            "action": "texture",
            "value": "oak_a",
            "options": {},
            "prompt": None,
            "license_type": None,
        }
    }
    assert made.headers["Location"] == f"{RULES}/{rule['id']}"
    assert sets_client.get(made.headers["Location"]).json["data"] == rule
    assert sets_client.get("/api/v1/sets/me").json["data"]["rule_slots"] == {"used": 1, "max": 2}


def test_a_rule_is_replaced_under_its_id_and_keeps_its_preset(sets_client):
    rule = sets_client.post(RULES, json=OAK).json["data"]
    other = {
        "name": "Grey",
        "concepts": {"Wall": {"action": "tone", "value": "cooler", "options": {"amount": 0.5}}},
        "preset_id": "seller",
    }
    changed = sets_client.put(f"{RULES}/{rule['id']}", json=other).json["data"]
    assert (changed["id"], changed["preset_id"]) == (rule["id"], "interior")
    assert changed["concepts"]["Wall"]["options"] == {"amount": 0.5}
    assert (changed["name"], changed["protect"]) == ("Grey", [])


def test_a_deleted_rule_frees_its_slot(sets_client):
    first, second = (sets_client.post(RULES, json=OAK).json["data"]["id"] for _ in range(2))
    full = sets_client.post(RULES, json=OAK)
    assert (full.status_code, error_code(full)) == (403, "RULE_SLOT_FULL")
    assert full.json["error"]["details"] == {"used": 2, "max": 2, "plan": "free"}
    assert sets_client.delete(f"{RULES}/{first}").status_code == 204
    assert error_code(sets_client.get(f"{RULES}/{first}")) == "RULE_NOT_FOUND"
    assert error_code(sets_client.put(f"{RULES}/{first}", json=OAK)) == "RULE_NOT_FOUND"
    assert error_code(sets_client.delete(f"{RULES}/{first}")) == "RULE_NOT_FOUND"
    third = sets_client.post(RULES, json=OAK).json["data"]["id"]
    listed = sets_client.get(RULES).json["data"]["results"]
    assert [rule["id"] for rule in listed] == [third, second]


def test_rules_are_listed_by_preset_in_pages(app, session):
    client = sets_client_of(
        app, making.sets_account(session, pro_until=making.jobs.NOW + timedelta(days=1))
    )
    seller = {"name": "Red", "preset_id": "seller"} | {
        "concepts": {"Body": {"action": "recolor", "value": "#C01020"}}
    }
    ids = [client.post(RULES, json=body).json["data"]["id"] for body in (OAK, seller, OAK, OAK)]
    first = client.get(f"{RULES}?preset_id=interior&limit=2").json["data"]
    assert [rule["id"] for rule in first["results"]] == [ids[3], ids[2]]
    rest = client.get(f"{RULES}?preset_id=interior&limit=2&cursor={first['next_cursor']}")
    assert [rule["id"] for rule in rest.json["data"]["results"]] == [ids[0]]


def test_nobody_reaches_the_rule_of_another_account(app, session, sets_client, buyer_client):
    rule = sets_client.post(RULES, json=OAK).json["data"]
    other = sets_client_of(app, making.sets_account(session))
    session.commit()
    for client in (other, buyer_client):
        for method in ("GET", "PUT", "DELETE"):
            options = {"json": OAK} if method == "PUT" else {}
            answer = client.open(f"{RULES}/{rule['id']}", method=method, **options)
            assert (answer.status_code, error_code(answer)) == (404, "RULE_NOT_FOUND")
        assert client.get(RULES).json["data"]["results"] == []
    assert sets_client.get(f"{RULES}/{rule['id']}").json["data"] == rule


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 51}, "name"),
        ({"concepts": {}}, "concepts"),
        ({"concepts": {f"c{n}": OAK["concepts"]["Floor"] for n in range(13)}}, "concepts"),
        ({"concepts": {"Roof": {"action": "recolor", "value": "#FFFFFF"}}}, "concepts.Roof"),
        ({"concepts": {"Wall": {"action": "paint", "value": "#FFF"}}}, "concepts.Wall.action"),
        ({"concepts": {"Wall": {"action": "recolor", "value": "#FFF"}}}, "concepts.Wall.value"),
        ({"concepts": {"Wall": {"action": "texture", "value": "gold"}}}, "concepts.Wall.value"),
        (
            {"concepts": {"Wall": {"action": "tone", "value": "warmer", "options": {"amount": 9}}}},
            "concepts.Wall.options.amount",
        ),
        ({"protect": ["Grout", "Roof"]}, "protect.1"),
        ({"protect": ["Grout"] * 21}, "protect"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_the_path_of_its_field(sets_client, changes, field):
    assert list(fields(sets_client.post(RULES, json=OAK | changes))) == [field]
    assert sets_client.get(RULES).json["data"]["results"] == []


def test_a_concept_of_ones_own_needs_a_prompt(sets_client):
    setting = {"action": "recolor", "value": "#AA2030", "prompt": "red curtain"}
    body = OAK | {"concepts": {"Curtain": setting}, "protect": ["Curtain"]}
    assert sets_client.post(RULES, json=body).json["data"]["concepts"]["Curtain"] == setting | {
        "options": {},
        "license_type": None,
    }


def test_an_unknown_preset_is_not_found(sets_client):
    assert error_code(sets_client.post(RULES, json=OAK | {"preset_id": "garden"})) == "NOT_FOUND"


def test_the_paths_of_the_original_answer_bad_fields_with_400(sets_client):
    body = OAK | {"name": ""}
    for path, status in (("/api/v1/rules", 400), ("/api/rules", 400), (RULES, 422)):
        answer = sets_client.post(path, json=body)
        assert (answer.status_code, error_code(answer)) == (status, "VALIDATION_ERROR")
    assert sets_client.post("/api/v1/rules", json=OAK).status_code == 201


def test_twenty_at_once_fill_exactly_the_slots_of_the_plan(real_app, committed):
    with committed.begin() as session:
        account = making.sets_account(session)

    def create():
        return sets_client_of(real_app, account).post(RULES, json=OAK).status_code

    assert sorted(at_once(*[create] * 20)) == [201] * 2 + [403] * 18
