"""`flask license revoke`: a decision of an administrator, with its reason in the audit log."""

import pytest
from sqlalchemy import select

from tests import making
from webapp.app import create_app
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.license import Certificate


@pytest.fixture
def market(committed, storage):
    """A certificate's id, and the addresses of an administrator and of a buyer."""
    with committed.begin() as session:
        made = making.generation(session, storage)
        making.finish(session, storage, made)
        people = making.user(session, role="admin"), making.user(session)
        return made.license_public_id, *(person.email for person in people)


def revoke(public_id, email, reason="Bought with a stolen card."):
    arguments = ["license", "revoke", public_id, "--admin", email, "--reason", reason]
    return create_app().test_cli_runner().invoke(args=arguments)


def test_a_certificate_is_revoked_once_with_a_reason(committed, market):
    public_id, admin, _ = market
    answer = revoke(public_id, admin)
    assert (answer.exit_code, answer.output) == (0, f"{public_id} is revoked.\n")
    assert revoke(public_id, admin).output == f"{public_id} was revoked before.\n"
    with committed() as session:
        assert session.scalar(select(Certificate.revoked_at)) is not None
        [entry] = session.scalars(select(AuditEntry))
        assert (entry.reason, entry.after) == ("Bought with a stolen card.", {"status": "revoked"})


def test_only_an_administrator_revokes_and_only_what_exists(committed, market):
    public_id, admin, buyer = market
    for answer in (
        revoke(public_id, buyer),
        revoke("lic_never_issued", admin),
        revoke(public_id, admin, reason=" "),
    ):
        assert answer.exit_code != 0
    with committed() as session:
        assert session.scalar(select(Certificate.status)) == "valid"
