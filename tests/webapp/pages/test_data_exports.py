import pytest
from sqlalchemy import select, update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain import jobs
from webapp.domain.models.data_export import DataExport
from webapp.domain.models.notification import NotificationType
from webapp.domain.services import data_exports, notifications

FILE = "/me/data-export/file"


def order(client, page):
    token = page.all("input", name="csrf_token")[0]["value"]
    client.csrf_token = None
    return client.post("/me/data-export", data={"csrf_token": token})


def forms(page):
    return [each["action"] for each in page.all("form") if each.get("action")]


@pytest.fixture
def ready(session, storage, buyer):
    storage.put("data-exports/1.zip", b"a zip", content_type="application/zip")
    session.add(
        DataExport(
            user_id=buyer.id,
            status="ready",
            archive_key="data-exports/1.zip",
            archive_size=2_400_000,
            finished_at=jobs.NOW,
        )
    )
    session.commit()


def test_a_copy_is_ordered_by_a_plain_form(session, buyer_client):
    page = Page(buyer_client.get("/me/settings"))
    answer = order(buyer_client, page)
    assert answer.headers["Location"] == "/me/settings#data-title"
    page = Page(buyer_client.get("/me/settings"))
    assert "Your copy is being made." in page.text
    assert "/me/data-export" not in forms(page)
    assert len(session.scalars(select(DataExport)).all()) == 1


def test_a_finished_one_is_downloaded(client, buyer_client, ready):
    page = Page(buyer_client.get("/me/settings"))
    assert "Download (2.4 MB)" in page.text
    assert "You can order another copy from" in page.text
    assert FILE in page.links()
    assert client.get(buyer_client.get(FILE).headers["Location"]).data == b"a zip"


def test_a_second_one_on_the_same_day_is_refused_on_the_page(buyer_client, ready):
    page = Page(buyer_client.get("/me/settings"))
    answer = order(buyer_client, page)
    assert answer.status_code == 429
    assert "the limit is 1 in 86400 s" in Page(answer).text
    assert "You can order another copy from" in Page(answer).text


def test_one_that_failed_can_be_ordered_again(session, buyer_client, ready):
    session.execute(update(DataExport).values(status="failed", archive_key=None))
    session.commit()
    page = Page(buyer_client.get("/me/settings"))
    assert "The last copy could not be made." in page.text
    assert "/me/data-export" in forms(page)
    assert order(buyer_client, page).status_code == 303


def test_a_file_that_is_left_out_is_said(session, buyer_client, ready):
    session.execute(update(DataExport).values(files_left_out=3))
    session.commit()
    assert "3 files are not in it" in Page(buyer_client.get("/me/settings")).text


def test_others_get_nothing(session, client, sign_in, ready):
    assert client.get(FILE).headers["Location"] == f"/login?next={FILE}"
    assert sign_in(making.user(session)).get(FILE).status_code == 404


def test_the_notification_leads_there(session, buyer, buyer_client, ready):
    export_id = session.scalars(select(DataExport.id)).one()
    notifications.notify(
        session,
        buyer.id,
        NotificationType.DATA_EXPORT_READY,
        target_type="data_export",
        target_id=export_id,
    )
    session.commit()
    page = Page(buyer_client.get("/notifications"))
    assert "The copy of your data is ready." in page.text
    assert "/me/settings#data-title" in page.links()
    [listed] = buyer_client.get("/api/v1/notifications").json["data"]["results"]
    assert (listed["type"], listed["target_type"]) == ("data_export_ready", "data_export")


def test_a_week_is_the_end(session, buyer_client, ready):
    session.execute(update(DataExport).values(created_at=jobs.NOW - data_exports.KEPT))
    session.commit()
    page = Page(buyer_client.get("/me/settings"))
    assert FILE not in page.links()
    assert "/me/data-export" in forms(page)
