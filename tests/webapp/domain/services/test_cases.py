from collections import Counter

import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.database import at_once
from webapp.domain.db import unit_of_work
from webapp.domain.errors import CollectionNotFound, NotFound, ValidationFailed
from webapp.domain.models.account import User
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.report import Report, ReportStatus, ReportTarget
from webapp.domain.models.style import Tag
from webapp.domain.queries import collections as collection_queries
from webapp.domain.queries.viewing import ANYBODY
from webapp.domain.services import cases, collections, moderation
from webapp.domain.services.cases import Verdict


def reported(session, target_type, target_id, times=1):
    for _ in range(times):
        session.add(
            Report(
                reporter_id=making.user(session).id,
                target_type=target_type,
                target_id=target_id,
                reason="spam",
            )
        )
    session.flush()


def decide(session, admin_id, target_type, target_id, verdict):
    return cases.decide(
        session,
        admin=session.get(User, admin_id),
        target_type=ReportTarget(target_type),
        target_id=target_id,
        verdict=verdict,
        reason="Seen by two people.",
    )


def test_administrators_who_decide_at_once_decide_once(committed):
    with committed.begin() as session:
        admins = [making.user(session, role="admin").id for _ in range(6)]
        style = making.style(session)
        reported(session, "style", style.id, times=3)

    def deciding(admin_id):
        def run():
            with unit_of_work() as session:
                return decide(session, admin_id, "style", style.id, Verdict.HIDE)

        return run

    ends = at_once(*(deciding(admin_id) for admin_id in admins))
    assert Counter(type(end) for end in ends) == {int: 1, NotFound: 5}
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 4


def test_a_person_is_not_hidden_and_a_tag_has_no_account(session):
    admin = making.user(session, role="admin")
    person = making.user(session)
    tag = Tag(name="watches")
    session.add(tag)
    session.flush()
    for target_type, target_id, verdict in (
        ("user", person.id, Verdict.HIDE),
        ("tag", tag.id, Verdict.CLOSE),
    ):
        reported(session, target_type, target_id)
        with pytest.raises(ValidationFailed), session.begin_nested():
            decide(session, admin.id, target_type, target_id, verdict)
    assert session.scalar(select(func.count()).where(Report.status == "open")) == 2
    assert tag.is_flagged is False


def test_a_new_report_of_a_decided_thing_is_a_new_case(session):
    admin = making.user(session, role="admin")
    person = making.user(session)
    for _ in range(2):
        reported(session, "user", person.id)
        assert decide(session, admin.id, "user", person.id, Verdict.DISMISS) == 1
    with pytest.raises(NotFound):
        decide(session, admin.id, "user", person.id, Verdict.DISMISS)


def told(session):
    """Whom a decision was told to, with its outcome and what was reported."""
    rows = session.scalars(
        select(Notification)
        .where(Notification.type == NotificationType.REPORT_DECIDED)
        .order_by(Notification.id)
    )
    return [(each.recipient_id, each.details["outcome"], each.details["reported"]) for each in rows]


def reporters(session):
    return list(session.scalars(select(Report.reporter_id).order_by(Report.id)))


@pytest.mark.parametrize(
    "verdict, outcome",
    [(Verdict.HIDE, "upheld"), (Verdict.CLOSE, "upheld"), (Verdict.DISMISS, "dismissed")],
)
def test_each_reporter_is_told_once_what_became_of_the_report(session, verdict, outcome):
    admin = making.user(session, role="admin")
    style = making.style(session)
    reported(session, "style", style.id, times=3)
    decide(session, admin.id, "style", style.id, verdict)
    assert told(session) == [(each, outcome, "style") for each in reporters(session)]


def test_who_reported_a_collection_is_told_what_became_of_it(session):
    admin, owner = making.user(session, role="admin"), making.user(session)
    made = collections.create(session, user=owner, name="Watches", is_public=True)
    reported(session, "collection", made, times=2)
    assert decide(session, admin.id, "collection", made, Verdict.HIDE) == 2
    assert told(session) == [(each, "upheld", "collection") for each in reporters(session)]
    with pytest.raises(CollectionNotFound):
        collection_queries.detail(session, None, collection_id=made, viewer=ANYBODY)


def test_the_same_outcome_is_told_once_and_another_one_again(session):
    admin = making.user(session, role="admin")
    reported(session, "user", making.user(session).id)
    [report_id] = session.scalars(select(Report.id))
    for status, reason in (
        (ReportStatus.RESOLVED, "First."),
        (ReportStatus.RESOLVED, "Said better."),
        (ReportStatus.DISMISSED, "It was a mistake."),
    ):
        moderation.decide_report(
            session, admin=admin, report_id=report_id, status=status, reason=reason
        )
    assert [outcome for _, outcome, _ in told(session)] == ["upheld", "dismissed"]


def test_who_has_closed_the_account_is_told_nothing(session):
    admin = making.user(session, role="admin")
    reported(session, "user", making.user(session).id, times=2)
    gone, there = reporters(session)
    session.execute(update(User).where(User.id == gone).values(is_active=False))
    [report] = session.scalars(select(Report).where(Report.reporter_id == gone))
    decide(session, admin.id, "user", report.target_id, Verdict.DISMISS)
    assert [recipient for recipient, *_ in told(session)] == [there]
