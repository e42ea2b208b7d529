import pytest
from sqlalchemy import func, select

from tests import making
from tests.database import at_once
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.account import User
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.notification_setting import (
    ALWAYS_ON,
    KIND_OF,
    NotificationKind,
    NotificationSetting,
)
from webapp.domain.services import follows, leaving, likes, notification_settings, notifications

SETTINGS = "/api/v1/notifications/settings"
SWITCHABLE = [kind for kind in NotificationKind if kind not in ALWAYS_ON]


def off(answer):
    return [each["kind"] for each in answer.json["data"]["kinds"] if not each["in_bell"]]


def types(session, user):
    query = select(Notification.type).where(Notification.recipient_id == user.id)
    return sorted(session.scalars(query))


def test_every_type_of_notification_has_a_kind():
    assert set(KIND_OF) == set(NotificationType)
    assert set(KIND_OF.values()) == set(NotificationKind)


def test_at_first_every_kind_is_on(buyer_client):
    answer = buyer_client.get(SETTINGS)
    assert answer.json["data"]["kinds"] == [
        {"kind": kind, "in_bell": True, "can_be_off": kind not in ALWAYS_ON}
        for kind in NotificationKind
    ]


def test_a_kind_is_switched_off_and_on_again_and_the_others_stay(buyer_client):
    assert off(buyer_client.patch(SETTINGS, json={"likes": False, "sales": False})) == [
        "likes",
        "sales",
    ]
    assert off(buyer_client.patch(SETTINGS, json={"likes": True, "sales": None})) == ["sales"]
    assert off(buyer_client.patch(SETTINGS, json={})) == ["sales"]
    assert off(buyer_client.get(SETTINGS)) == ["sales"]


@pytest.mark.parametrize("kind", sorted(ALWAYS_ON))
def test_money_and_decisions_cannot_be_switched_off(buyer_client, session, kind):
    answer = buyer_client.patch(SETTINGS, json={kind.value: False, "likes": False})
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    problem = "These notifications cannot be switched off."
    assert answer.json["error"]["details"]["fields"] == {kind.value: [problem]}
    assert off(buyer_client.get(SETTINGS)) == []
    assert buyer_client.patch(SETTINGS, json={kind.value: True}).status_code == 200
    assert session.scalar(select(func.count()).select_from(NotificationSetting)) == 0


@pytest.mark.parametrize("wrong", ["perhaps", 2, [False], {}])
def test_a_choice_is_true_or_false(buyer_client, wrong):
    answer = buyer_client.patch(SETTINGS, json={"likes": wrong})
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert list(answer.json["error"]["details"]["fields"]) == ["likes"]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_strangers_have_no_settings(client, method):
    answer = client.open(SETTINGS, method=method, json={})
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")


def test_a_switched_off_kind_writes_no_notification(buyer_client, session, buyer, shown):
    buyer_client.patch(SETTINGS, json={"likes": False, "follows": False})
    admirer = making.user(session)
    likes.like(session, user=admirer, generation_id=shown.id)
    follows.follow(session, user=admirer, followed_id=buyer.id)
    assert types(session, buyer) == ["generation_complete"]
    buyer_client.patch(SETTINGS, json={"likes": True})
    likes.like(session, user=making.user(session), generation_id=shown.id)
    assert types(session, buyer) == ["generation_complete", "like"]


@pytest.mark.parametrize("notification_type", list(NotificationType))
def test_each_type_follows_its_kind(session, buyer, notification_type):
    notification_settings.change(session, user=buyer, in_bell=dict.fromkeys(SWITCHABLE, False))
    notifications.notify(session, buyer.id, notification_type, target_type="style", target_id=1)
    is_told = KIND_OF[notification_type] in ALWAYS_ON
    assert types(session, buyer) == [notification_type] * is_told


def test_settings_are_ones_own(buyer_client, session, buyer, shown):
    other = making.user(session)
    notification_settings.change(session, user=other, in_bell={NotificationKind.LIKES: False})
    likes.like(session, user=other, generation_id=shown.id)
    assert off(buyer_client.get(SETTINGS)) == []
    assert "like" in types(session, buyer)


def test_the_ledger_does_not_expect_what_was_switched_off(buyer_client, session, ordered, finish):
    buyer_client.patch(SETTINGS, json={"orders": False})
    finish(ordered)
    assert session.scalar(select(func.count()).select_from(Notification)) == 0
    buyer_client.patch(SETTINGS, json={"orders": True})
    assert making.violations(session) == []


def test_choices_at_the_same_time_are_all_stored(real_app, committed):
    with committed() as session:
        person = making.user(session)
        session.commit()
        clients = [signed_in_client(real_app, session, person) for _ in range(6)]
    bodies = [{"likes": False, "sales": False}, {"sales": False, "follows": False}] * 3
    calls = [
        lambda client=client, body=body: client.patch(SETTINGS, json=body).status_code
        for client, body in zip(clients, bodies, strict=True)
    ]
    assert at_once(*calls) == [200] * 6
    with committed() as session:
        stored = session.scalars(select(NotificationSetting.kind)).all()
        assert sorted(stored) == ["follows", "likes", "sales"]


def test_the_choices_of_who_leaves_are_deleted(session, buyer):
    notification_settings.change(session, user=buyer, in_bell={NotificationKind.LIKES: False})
    leaving.leave(session, user=session.get_one(User, buyer.id), confirm=buyer.username)
    assert session.scalar(select(func.count()).select_from(NotificationSetting)) == 0
