"""Instances over HTTP: listed, chosen, clicked with the real engine, previewed."""

from datetime import timedelta

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from gpu.segmenting.masks import EncodedMask, intersection_over_union
from tests import making, sets_albums as albums
from tests.editing import room
from tests.images import decoded, encoded, half_and_half
from tests.webapp.conftest import error_code, sets_client_of
from webapp.domain import jobs
from webapp.domain.models.sets_account import SetsCreditEntry
from webapp.domain.models.sets_instance import InstanceSource, SetsInstance
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_carrying, sets_masks

JOBS = "/api/v1/sets/jobs"
GREEN = {"action": "recolor", "value": "#208040"}
SIZE = (200, 120)
INSIDE, OUTSIDE = {"x": 0.2, "y": 0.5}, {"x": 0.8, "y": 0.5, "include": False}


@pytest.fixture
def album(session, storage, anonymous_account):
    """A job of two photos, red on the left and blue on the right, that nobody clicked yet."""
    made = albums.album(session, storage, of=anonymous_account)
    albums.put_all(session, made, PhotoStatus.READY, width=SIZE[0], height=SIZE[1])
    for photo in albums.photos_of(session, made):
        data = encoded(half_and_half(*SIZE))
        storage.put(photo.photo_key, data, content_type="image/png")
        small = encoded(half_and_half(*SIZE), "WEBP", lossless=True)
        storage.put(photo.preview_key, small, content_type="image/webp")
    session.commit()
    return made


@pytest.fixture
def path(album):
    return f"{JOBS}/{album.public_id}/instances"


def click(client, path, **body):
    given = {"idx": 0, "concept": "Wall", "points": [INSIDE, OUTSIDE]}
    return client.post(path, json=given | body)


def fields_of(answer):
    assert error_code(answer) == "VALIDATION_ERROR", answer.text
    return list(answer.json["error"]["details"]["fields"])


def left_half():
    mask = np.zeros((SIZE[1], SIZE[0]), np.bool_)
    mask[:, : SIZE[0] // 2] = True
    return mask


def mask_of(storage, session, instance_id):
    key = session.scalars(
        select(SetsInstance.mask_key).where(SetsInstance.public_id == instance_id)
    ).one()
    return EncodedMask(storage.get(key), *SIZE).decode()


def test_clicks_become_an_instance_whose_mask_has_the_size_of_the_photo(
    sets_client, session, storage, path
):
    answer = click(sets_client, path)
    assert answer.status_code == 200, answer.text
    made = answer.json["data"]
    assert (made["label"], made["number"], made["state"]) == ("Wall #1", 1, "include")
    assert (made["source"], made["score"], made["rule"]) == ("clicked", 1.0, None)
    assert made["points"] == [INSIDE | {"include": True}, OUTSIDE]
    mask = mask_of(storage, session, made["instance_id"])
    assert intersection_over_union(mask, left_half()) > 0.95
    assert made["area"] == mask.sum()
    shown = sets_client.get(made["mask_url"].removeprefix("http://localhost:8000"))
    assert decoded(shown.data).size == SIZE
    again = click(sets_client, path, concept="Window").json["data"]
    assert again["label"] == "Window #1"
    assert click(sets_client, path).json["data"]["label"] == "Wall #2"


def test_more_clicks_on_an_instance_replace_its_mask_and_keep_its_number(
    sets_client, session, storage, path
):
    first = click(sets_client, path).json["data"]
    points = [INSIDE | {"include": False}, OUTSIDE | {"include": True}]
    changed = click(sets_client, path, points=points, instance_id=first["instance_id"])
    assert changed.status_code == 200, changed.text
    changed = changed.json["data"]
    assert (changed["instance_id"], changed["number"]) == (first["instance_id"], 1)
    mask = mask_of(storage, session, first["instance_id"])
    assert intersection_over_union(mask, ~left_half()) > 0.95
    assert session.scalars(select(func.count()).select_from(SetsInstance)).one() == 1


@pytest.mark.parametrize(
    "body, field",
    [
        ({"points": [{"x": 1.2, "y": 0.5}]}, "points.0.x"),
        ({"points": [INSIDE, {"x": 0.5, "y": -0.1}]}, "points.1.y"),
        ({"points": []}, "points"),
        ({"points": [INSIDE] * 51}, "points"),
        ({"points": [OUTSIDE]}, "points"),
        ({"idx": 7}, "idx"),
        ({"idx": 200}, "idx"),
        ({"concept": "Garden"}, "concept"),
        ({"concept": "Wall", "prompt": "wall"}, "prompt"),
        ({"concept": "Sofa", "prompt": "so fa " * 17}, "prompt"),
    ],
)
def test_a_click_that_means_nothing_is_named_by_its_field(sets_client, session, path, body, field):
    answer = click(sets_client, path, **body)
    assert (answer.status_code, fields_of(answer)) == (422, [field])
    alias = click(sets_client, path.replace("/sets/", "/"), **body)
    assert (alias.status_code, fields_of(alias)) == (400, [field])
    assert session.scalars(select(func.count()).select_from(SetsInstance)).one() == 0


def test_a_thing_in_ones_own_words_can_be_clicked(sets_client, path):
    made = click(sets_client, path, concept="Sofa", prompt="red sofa").json["data"]
    assert made["label"] == "Sofa #1"


def test_an_instance_is_clicked_on_in_its_own_photo_and_as_its_own_concept(
    app, session, storage, sets_client, path
):
    made = click(sets_client, path).json["data"]["instance_id"]
    elsewhere = click(sets_client, path, idx=1, instance_id=made)
    assert (elsewhere.status_code, error_code(elsewhere)) == (404, "NOT_FOUND")
    other = click(sets_client, path, concept="Floor", instance_id=made)
    assert fields_of(other) == ["concept"]


def test_photos_that_are_not_decoded_yet_cannot_be_clicked_on(sets_client, session, album, path):
    albums.put_all(session, album, PhotoStatus.CHECKING, 0, photo_key=None)
    session.commit()
    answer = click(sets_client, path)
    assert (answer.status_code, error_code(answer)) == (409, "INVALID_TRANSITION")


def test_instances_are_listed_by_photo_concept_and_number(sets_client, session, album, path):
    assert sets_client.get(path).json["data"]["results"] == []
    first, second = albums.photos_of(session, album)
    for photo, concept, number, state in (
        (second, "Wall", 1, "include"),
        (first, "Window", 2, "lock"),
        (first, "Window", 1, "include"),
        (first, "Floor", 1, "include"),
    ):
        albums.instance(session, photo, concept=concept, number=number, state=state)
    session.commit()

    def labels(query=""):
        data = sets_client.get(path + query).json["data"]
        return [f"{each['idx']} {each['label']}" for each in data["results"]]

    every = ["0 Floor #1", "0 Window #1", "0 Window #2", "1 Wall #1"]
    assert labels() == every
    assert labels("?concept=Window&state=lock") == ["0 Window #2"]
    assert labels("?idx=1") == ["1 Wall #1"]
    cursor = sets_client.get(f"{path}?limit=2").json["data"]["next_cursor"]
    assert labels(f"?limit=2&cursor={cursor}") == every[2:]


def change(client, path, *changes):
    return client.patch(path, json={"changes": list(changes)})


def test_instances_are_locked_excluded_and_given_rules_of_their_own(
    sets_client, session, album, path
):
    photo = albums.photos_of(session, album)[0]
    wall, window = (albums.instance(session, photo, concept=name) for name in ("Wall", "Window"))
    session.commit()
    answer = change(
        sets_client,
        path,
        {"instance_id": wall.public_id, "state": "lock"},
        {"instance_id": window.public_id, "rule": GREEN},
    )
    assert answer.json["data"] == {"updated_count": 2}
    found = {each["concept"]: each for each in sets_client.get(path).json["data"]["results"]}
    assert found["Wall"]["state"] == "lock"
    assert (found["Window"]["state"], found["Window"]["rule"]) == ("include", GREEN)
    change(sets_client, path, {"instance_id": window.public_id, "rule": None})
    assert sets_client.get(f"{path}?concept=Window").json["data"]["results"][0]["rule"] is None


def test_a_wrong_change_is_named_and_changes_nothing(app, session, sets_client, album, path):
    photo = albums.photos_of(session, album)[0]
    mine = albums.instance(session, photo).public_id
    other_album = albums.album(session, of=making.sets_account(session))
    other = albums.instance(session, albums.photos_of(session, other_album)[0]).public_id
    session.commit()
    locked = {"instance_id": mine, "state": "lock"}
    strange = change(sets_client, path, locked, {"instance_id": other, "state": "lock"})
    assert (strange.status_code, error_code(strange)) == (404, "NOT_FOUND")
    assert strange.json["error"]["details"]["field"] == "changes.1.instance_id"
    gold = {"instance_id": mine, "rule": {"action": "texture", "value": "gold"}}
    assert fields_of(change(sets_client, path, locked, gold)) == ["changes.1.rule.value"]
    painted = {"instance_id": mine, "rule": {"action": "restyle", "value": "1"}}
    assert fields_of(change(sets_client, path, painted)) == ["changes.0.rule.action"]
    assert fields_of(change(sets_client, path, locked | {"state": "hide"})) == ["changes.0.state"]
    assert fields_of(change(sets_client, path)) == ["changes"]
    assert sets_client.get(path).json["data"]["results"][0]["state"] == "include"


def test_a_clicked_instance_is_removed_and_a_found_one_stays(sets_client, session, album, path):
    photo = albums.photos_of(session, album)[0]
    found = albums.instance(session, photo, concept="Floor", source=InstanceSource.FOUND)
    clicked = albums.instance(session, photo)
    session.commit()
    assert sets_client.delete(f"{path}/{clicked.public_id}").status_code == 204
    gone = sets_client.delete(f"{path}/{clicked.public_id}")
    assert (gone.status_code, error_code(gone)) == (404, "NOT_FOUND")
    kept = sets_client.delete(f"{path}/{found.public_id}")
    assert (kept.status_code, error_code(kept)) == (409, "INVALID_TRANSITION")


def test_after_the_execution_nothing_of_it_changes(sets_client, session, album, path):
    made = albums.instance(session, albums.photos_of(session, album)[0]).public_id
    session.execute(SetsJob.__table__.update().values(status="running"))
    session.commit()
    answers = [
        click(sets_client, path),
        change(sets_client, path, {"instance_id": made, "state": "lock"}),
        sets_client.delete(f"{path}/{made}"),
    ]
    assert {(each.status_code, error_code(each)) for each in answers} == {
        (409, "INVALID_TRANSITION")
    }


def preview(client, album, **body):
    given = {"items": [0], "concepts": {"Wall": GREEN}, "protect": []}
    return client.post(f"{JOBS}/{album.public_id}/preview", json=given | body)


def shown(client, result):
    file = client.get(result["preview_url"].removeprefix("http://localhost:8000"))
    return np.asarray(decoded(file.data).convert("RGB"))


def test_a_preview_shows_the_rule_with_a_watermark_and_costs_nothing(
    sets_client, session, storage, album
):
    for photo in albums.photos_of(session, album):
        albums.instance(session, photo, storage)
    session.commit()
    before = session.scalars(select(func.count()).select_from(SetsCreditEntry)).one()
    answer = preview(sets_client, album, items=[1, 0])
    assert answer.status_code == 200, answer.text
    results = answer.json["data"]["results"]
    assert [(each["idx"], each["warnings"]) for each in results] == [(1, []), (0, [])]
    levels = shown(sets_client, results[0])
    assert levels.shape == (SIZE[1], SIZE[0], 3)
    assert np.median(levels[:, :90], axis=(0, 1)).tolist() == pytest.approx([32, 128, 64], abs=4)
    right = levels[:, 110:]
    assert np.median(right, axis=(0, 1)).tolist() == [30, 30, 220]
    assert (right != (30, 30, 220)).any()  # the watermark
    assert session.scalars(select(func.count()).select_from(SetsCreditEntry)).one() == before
    assert sets_client.get(f"{JOBS}/{album.public_id}").json["data"]["status"] == "uploaded"


def test_a_preview_obeys_locks_and_protection_and_tells_what_is_not_there(
    sets_client, session, storage, album
):
    photo = albums.photos_of(session, album)[0]
    wall = albums.instance(session, photo, storage)
    top = np.zeros((SIZE[1], SIZE[0]), np.bool_)
    top[: SIZE[1] // 2] = True
    albums.instance(session, photo, storage, concept="Grout", mask=top)
    session.commit()
    body = {"concepts": {"Wall": GREEN, "Floor": GREEN}, "protect": ["Grout"]}
    [result] = preview(sets_client, album, **body).json["data"]["results"]
    assert result["warnings"] == [{"code": "CONCEPT_NOT_FOUND", "concept": "Floor"}]
    levels = shown(sets_client, result)
    assert np.median(levels[:50, :90], axis=(0, 1)).tolist() == [220, 30, 30]
    assert np.median(levels[70:, :90], axis=(0, 1)).tolist() == pytest.approx([32, 128, 64], abs=4)
    change(
        sets_client,
        f"{JOBS}/{album.public_id}/instances",
        {"instance_id": wall.public_id, "state": "lock"},
    )
    [locked] = preview(sets_client, album).json["data"]["results"]
    assert np.median(shown(sets_client, locked)[70:, :90], axis=(0, 1)).tolist() == [220, 30, 30]


@pytest.mark.parametrize(
    "body, field",
    [
        ({"items": [0, 1, 0, 1]}, "items"),
        ({"items": []}, "items"),
        ({"items": [5]}, "items.0"),
        ({"concepts": {}}, "concepts"),
        ({"concepts": {"Garden": GREEN}}, "concepts.Garden"),
        ({"concepts": {"Wall": {"action": "restyle", "value": "1"}}}, "concepts.Wall.action"),
        ({"concepts": {"Wall": {"action": "tone", "value": "match:9"}}}, "concepts.Wall.value"),
        ({"protect": ["Garden"]}, "protect.0"),
    ],
)
def test_a_preview_that_cannot_be_made_is_named_by_its_field(sets_client, album, body, field):
    answer = preview(sets_client, album, **body)
    assert (answer.status_code, fields_of(answer)) == (422, [field])


def test_a_rule_may_match_another_photo_in_a_preview(sets_client, session, storage, album):
    albums.instance(session, albums.photos_of(session, album)[0], storage)
    session.commit()
    match = {"Wall": {"action": "tone", "value": "match:1"}}
    answer = preview(sets_client, album, concepts=match)
    assert answer.status_code == 200, answer.text


def test_an_own_rule_whose_photo_was_not_taken_over_is_named_by_its_field(
    app, session, storage, album
):
    pro = making.sets_account(session, balance=20, pro_until=jobs.NOW + timedelta(days=1))
    source = albums.album(session, storage, of=pro)
    match = {"action": "tone", "value": "match:1"}
    albums.instance(session, albums.photos_of(session, source)[0], storage, rule=match)
    session.commit()
    client = sets_client_of(app, pro)
    made = client.post(JOBS, json={"source_job_id": source.public_id, "items": [0]})
    path = f"{JOBS}/{made.json['data']['job_id']}"
    [wall] = client.get(f"{path}/instances").json["data"]["results"]
    field = f"instances.{wall['instance_id']}.rule.value"
    body = {"concepts": {"Floor": GREEN}}
    for answer in (
        client.post(f"{path}/preview", json=body | {"items": [0]}),
        client.post(f"{path}/execute", json=body),
    ):
        assert (answer.status_code, fields_of(answer)) == (422, [field])
    change(client, f"{path}/instances", {"instance_id": wall["instance_id"], "rule": None})
    assert client.post(f"{path}/execute", json=body).status_code == 200


def test_an_own_rule_of_an_excluded_instance_needs_no_photo(sets_client, session, storage, album):
    match = {"action": "tone", "value": "match:7"}
    photo = albums.photos_of(session, album)[0]
    albums.instance(session, photo, storage, rule=match, state="exclude")
    session.commit()
    assert preview(sets_client, album).status_code == 200


def test_a_preview_of_own_rules_needs_no_rule_for_all(sets_client, session, storage, album):
    albums.instance(session, albums.photos_of(session, album)[0], storage, rule=GREEN)
    session.commit()
    answer = preview(sets_client, album, concepts={})
    assert answer.status_code == 200, answer.text
    levels = shown(sets_client, answer.json["data"]["results"][0])
    assert np.median(levels[:, :90], axis=(0, 1)).tolist() == pytest.approx([32, 128, 64], abs=4)
    assert fields_of(preview(sets_client, album, items=[1], concepts={})) == ["concepts"]


def test_a_preview_protects_a_part_in_ones_own_words(sets_client, session, storage, album):
    photo = albums.photos_of(session, album)[0]
    albums.instance(session, photo, storage)
    albums.instance(session, photo, storage, concept="Sofa")
    session.commit()
    answer = preview(sets_client, album, protect=["Sofa"])
    assert answer.status_code == 200, answer.text
    levels = shown(sets_client, answer.json["data"]["results"][0])
    assert np.median(levels[:, :90], axis=(0, 1)).tolist() == [220, 30, 30]


def test_a_preview_waits_for_the_photo_that_a_rule_matches_and_refuses_a_damaged_one(
    sets_client, session, storage, album
):
    albums.instance(session, albums.photos_of(session, album)[0], storage)
    match = {"Wall": {"action": "tone", "value": "match:1"}}
    albums.put_all(session, album, PhotoStatus.CHECKING, 1, preview_key=None, photo_key=None)
    session.commit()
    early = preview(sets_client, album, concepts=match)
    assert (early.status_code, early.json["error"]["details"]["unchecked"]) == (409, [1])
    albums.put_all(session, album, PhotoStatus.FAILED, 1)
    session.commit()
    damaged = preview(sets_client, album, concepts=match)
    assert (damaged.status_code, fields_of(damaged)) == (422, ["concepts.Wall.value"])


def test_before_the_upload_there_is_no_preview(app, session):
    account = making.sets_account(session, pro_until=jobs.NOW + timedelta(days=1))
    made = albums.album(session, of=account, status=SetsJobStatus.CREATED)
    session.commit()
    answer = preview(sets_client_of(app, account), made)
    assert (answer.status_code, error_code(answer)) == (409, "INVALID_TRANSITION")


def test_files_that_were_purged_meanwhile_are_asked_for_later(
    sets_client, session, storage, album, path
):
    photo = albums.photos_of(session, album)[0]
    for key in (photo.photo_key, photo.preview_key):
        storage.delete(key)
    answers = [click(sets_client, path), preview(sets_client, album)]
    assert {(each.status_code, error_code(each)) for each in answers} == {
        (503, "SERVICE_UNAVAILABLE")
    }
    assert all(int(each.headers["Retry-After"]) > 0 for each in answers)


@pytest.fixture
def rooms(session, storage, anonymous_account):
    """A job of three photos from one place, the light of the second dimmer; the wall of the first
    is an instance.
    """
    scene = room(600, (360, 270))
    made = albums.album(session, storage, of=anonymous_account, photos=3)
    albums.put_all(session, made, PhotoStatus.READY, width=360, height=270)
    for photo in albums.photos_of(session, made):
        levels = np.asarray(scene.image) * (0.8 if photo.idx == 1 else 1.0)
        data = encoded(Image.fromarray(levels.astype(np.uint8)))
        storage.put(photo.photo_key, data, content_type="image/png")
    first = albums.photos_of(session, made)[0]
    albums.instance(session, first, storage, mask=scene.mask("Wall"), number=2)
    session.commit()
    return made, scene.mask("Wall")


def carry(client, job, **body):
    path = f"{JOBS}/{job.public_id}/instances"
    [first] = client.get(f"{path}?idx=0").json["data"]["results"]
    return client.post(f"{path}/{first['instance_id']}/carry", json=body)


def test_a_mask_is_proposed_on_the_next_photos_of_its_group(sets_client, session, storage, rooms):
    job, wall = rooms
    albums.put_all(session, job, PhotoStatus.READY, 2, group="bathroom")
    session.commit()
    answer = carry(sets_client, job)
    assert answer.status_code == 200, answer.text
    [proposed] = answer.json["data"]["results"]
    assert (proposed["idx"], proposed["label"]) == (1, "Wall #2")
    assert (proposed["source"], proposed["state"]) == ("carried", "exclude")
    assert 0 < proposed["score"] <= 1
    key = session.scalars(
        select(SetsInstance.mask_key).where(SetsInstance.public_id == proposed["instance_id"])
    ).one()
    mask = EncodedMask(storage.get(key), 360, 270).decode()
    assert intersection_over_union(mask, wall) > 0.95
    # Asked for again, a proposal is made anew under the same id; one that was taken stays.
    [again] = carry(sets_client, job).json["data"]["results"]
    assert again["instance_id"] == proposed["instance_id"]
    path = f"{JOBS}/{job.public_id}/instances"
    change(sets_client, path, {"instance_id": again["instance_id"], "state": "include"})
    assert carry(sets_client, job).json["data"]["results"] == []


def test_a_mask_is_not_carried_to_a_photo_of_another_group(sets_client, session, rooms):
    job, _ = rooms
    albums.put_all(session, job, PhotoStatus.READY, 2, group="bathroom")
    session.commit()
    [proposed] = carry(sets_client, job, items=[1]).json["data"]["results"]
    assert proposed["idx"] == 1
    elsewhere = carry(sets_client, job, items=[1, 2])
    assert (elsewhere.status_code, fields_of(elsewhere)) == (422, ["items.1"])


def test_no_mask_is_carried_to_a_photo_that_is_full(
    sets_client, session, storage, rooms, monkeypatch
):
    job, _ = rooms
    full = albums.photos_of(session, job)[1]
    albums.instance(session, full, storage, concept="Floor")
    session.commit()
    monkeypatch.setattr(sets_masks, "MAX_INSTANCES", 1)
    refused = carry(sets_client, job, items=[2, 1])
    assert (refused.status_code, fields_of(refused)) == (422, ["items.1"])
    for _ in range(2):  # the second proposal takes the place of the first
        [proposed] = carry(sets_client, job).json["data"]["results"]
        assert proposed["idx"] == 2


def test_a_photo_that_filled_up_meanwhile_gets_no_proposal(
    sets_client, session, storage, rooms, monkeypatch
):
    job, _ = rooms
    store = sets_carrying.object_key

    def fill(*arguments):
        monkeypatch.setattr(sets_masks, "MAX_INSTANCES", 0)
        return store(*arguments)

    monkeypatch.setattr(sets_carrying, "object_key", fill)
    answer = carry(sets_client, job, items=[1])
    assert (answer.status_code, answer.json["data"]["results"]) == (200, [])


def test_a_proposal_that_nobody_took_is_missing(sets_client, session, storage, rooms):
    job, _ = rooms
    carry(sets_client, job, items=[1])
    photo = albums.photos_of(session, job)[1]
    small = encoded(half_and_half(90, 60), "WEBP")
    storage.put(photo.preview_key, small, content_type="image/webp")
    [result] = preview(sets_client, job, items=[1]).json["data"]["results"]
    assert result["warnings"] == [{"code": "CONCEPT_NOT_FOUND", "concept": "Wall"}]


def test_a_mask_is_carried_within_its_job(sets_client, session, rooms):
    job, _ = rooms
    wrong = carry(sets_client, job, items=[7])
    assert (wrong.status_code, fields_of(wrong)) == (422, ["items.0"])
    other = sets_client.post(f"{JOBS}/{job.public_id}/instances/inst_nobodys/carry", json={})
    assert (other.status_code, error_code(other)) == (404, "NOT_FOUND")
