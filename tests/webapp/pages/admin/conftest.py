"""An administrator, things to decide about, and forms pressed as a browser would."""

import pytest
from sqlalchemy import select

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.collection import Collection
from webapp.domain.models.report import Report
from webapp.domain.models.style import Tag

REASON = "Seen by two people."


@pytest.fixture
def tag(session):
    made = Tag(name="watches", style_count=3)
    session.add(made)
    session.commit()
    return made


@pytest.fixture
def collection(session, buyer):
    """A public collection of the buyer's."""
    made = Collection(
        user_id=buyer.id, name="Cheap watches", description="Buy here!", is_public=True
    )
    session.add(made)
    session.commit()
    return made


@pytest.fixture
def report(session):
    """Report something; each report comes from somebody new unless it is said from whom."""

    def reported(target_type, target_id, **columns):
        made = Report(
            **{
                "reporter_id": columns.pop("reporter_id", None) or making.user(session).id,
                "target_type": target_type,
                "target_id": target_id,
                "reason": "spam",
            }
            | columns
        )
        session.add(made)
        session.commit()
        return made

    return reported


@pytest.fixture
def press(admin_client):
    """Send one of the forms of a page as it stands there; return the answer."""

    def pressed(address, target, *, action=None, in_place=False, reason=REASON, **fields):
        page = Page(admin_client.get(address))
        assert page.all("form", method="post", action=target), f"no form for {target}"
        if action is not None:
            assert page.all("input", name="action", value=action), f"{action} is not offered"
        token = page.all("input", name="csrf_token")[0]["value"]
        keep, admin_client.csrf_token = admin_client.csrf_token, None
        answer = admin_client.post(
            target,
            data={"csrf_token": token, "reason": reason, "next": address}
            | ({} if action is None else {"action": action})
            | fields,
            headers={"HX-Request": "true"} if in_place else {},
        )
        admin_client.csrf_token = keep
        return answer

    return pressed


@pytest.fixture
def log(session):
    """What the audit log says, oldest first: what, which, what it is now, and why."""

    def written():
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(row.object_type, row.object_id, row.after, row.reason) for row in rows]

    return written
