import pytest
from sqlalchemy import update

from tests import making
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain import jobs
from webapp.domain.models.account import Role
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.ledger import AccountKind, TransferKind
from webapp.domain.models.payment import Purchase
from webapp.domain.models.report import ReportReason, ReportStatus, ReportTarget
from webapp.domain.services import ledger, purchases
from webapp.domain.services.reconciliation import Kind
from webapp.domain.services.stuck_jobs import Trouble
from webapp.pages.admin import change_words, labels

MOST_STATEMENTS = 12
ADDRESSES = (
    "/admin",
    "/admin/flagged",
    "/admin/users",
    "/admin/styles",
    "/admin/images",
    "/admin/comments",
    "/admin/tags",
    "/admin/ledger",
    "/admin/payments",
    "/admin/refund",
    "/admin/operations",
    "/admin/log",
)


@pytest.fixture
def fill(session, storage, style, image, comment, tag, buyer, admin, report):
    """Something for every page to show; called again, more of it."""
    ledger.grant(session, buyer.id, 1000, key="for many images")

    def filled():
        targets = {"style": style, "generation": image, "comment": comment, "tag": tag}
        for kind, each in ({**targets, "user": buyer}).items():
            report(kind, each.id)
        comment.is_hidden = tag.is_flagged = True
        delivered, stuck = making.order(session, buyer, style, count=2)
        making.finish(session, storage, delivered)
        making.change_job(session, making.job_of(session, stuck).id, tries=1)
        purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")
        session.execute(
            update(Purchase).values(status="authorized", payment_key=None, updated_at=jobs.NOW)
        )
        session.add(
            AuditEntry(
                admin_id=admin.id,
                object_type="user",
                object_id=str(buyer.id),
                before={"is_active": True},
                after={"is_active": False},
                reason="Seen.",
            )
        )
        session.commit()

    return filled


@pytest.mark.parametrize("address", [*ADDRESSES, "/admin/users/1", "/admin/payments/P_x"])
def test_it_is_for_administrators_only(client, buyer_client, artist_client, address):
    assert client.get(address).headers["Location"] == f"/login?next={address}"
    for someone in (buyer_client, artist_client):
        answer = someone.get(address)
        assert answer.status_code == 404
        assert "Page not found" in Page(answer).text


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_page_opens_in_both_languages(admin_client, fill, buyer, image, language):
    fill()
    more = (f"/admin/users/{buyer.id}", f"/admin/refund?generation_id={image.id}")
    for address in (*ADDRESSES, *more):
        answer = admin_client.get(address, headers={"Accept-Language": language})
        assert (address, answer.status_code) == (address, 200)
        page = Page(answer)
        assert page.all("html")[0]["lang"] == language
        assert page.own_code() == []
        assert len(page.all("h1")) == 1
        assert "{" not in page.text
        assert all({"width", "height", "alt"} <= each.keys() for each in page.all("img"))


@pytest.mark.parametrize(
    "address, said",
    [
        ("/admin", "No open reports."),
        ("/admin/flagged", "No hidden styles, pictures, comments, tags or collections."),
        ("/admin/users?q=nobody", "No users match."),
        *((f"/admin/{name}", "No results.") for name in ("styles", "images", "comments")),
        ("/admin/ledger?generation_id=1", "No results."),
        ("/admin/payments", "No open payments or refunds."),
        ("/admin/operations", "No stuck jobs."),
        ("/admin/log", "No results."),
    ],
)
def test_a_page_of_nothing_says_so(admin_client, address, said):
    page = Page(admin_client.get(address))
    assert said in page.text
    assert page.all("li", **{"class": "item"}) == []


def test_no_page_asks_the_database_more_with_more_to_show(
    session, admin_client, fill, buyer, image
):
    more = (f"/admin/users/{buyer.id}", f"/admin/refund?generation_id={image.id}")
    fill()
    counted = {}
    for address in (*ADDRESSES, *more):
        with statements(session) as asked:
            admin_client.get(address)
        counted[address] = len(asked)
    fill()
    for address, before in counted.items():
        with statements(session) as asked:
            admin_client.get(address)
        assert (address, len(asked)) == (address, before)
        assert (address, len(asked)) <= (address, MOST_STATEMENTS)


def test_what_a_form_was_given_wrongly_is_told_in_words(admin_client):
    for address in ("/admin/users?role=king", "/admin/ledger?month=2026-13", "/admin?cursor=x"):
        answer = admin_client.get(address)
        assert answer.status_code == 422
        assert Page(answer).all("h1")


def test_an_error_leads_back_to_the_administration(admin_client, buyer_client):
    for address in ("/admin/users?role=king", "/admin/users/99999999", "/admin/payments/P_none"):
        page = Page(admin_client.get(address))
        assert "Back to administration" in page.text
        assert "/admin" in page.links()
        assert "Pictures are private" not in page.text
        assert "Go to the gallery" in Page(buyer_client.get(address)).text
    assert "Back to administration" not in Page(admin_client.get("/g/99999999")).text


def test_everything_an_administrator_meets_has_words():
    assert labels.TARGETS.keys() == set(ReportTarget)
    assert labels.REASONS.keys() == set(ReportReason)
    assert labels.TRANSFERS.keys() == set(TransferKind)
    assert labels.ACCOUNTS.keys() == set(AccountKind)
    assert labels.DIFFERENCES.keys() == set(Kind)
    assert labels.TROUBLES.keys() == set(Trouble)
    assert labels.ROLES.keys() == set(Role)
    assert change_words.STATES["report"].keys() == set(ReportStatus)
