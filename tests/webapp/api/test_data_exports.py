import pytest
from sqlalchemy import select, update

from celery_config import TaskName
from tests import making
from webapp.domain import jobs
from webapp.domain.models.data_export import DataExport
from webapp.domain.models.job import Job
from webapp.domain.services import data_exports

ADDRESS = "/api/v1/users/me/data-export"


@pytest.fixture
def finish_export(session, storage):
    """Bring the only copy to its end as its task would."""

    def finish():
        export = session.scalars(select(DataExport)).one()
        job_id = session.scalars(select(Job.id).where(Job.ref == export.id)).one()
        lease = jobs.claim(session, job_id, TaskName.EXPORT_DATA, 60)
        key = f"data-exports/{export.id}.zip"
        storage.put(key, b"a zip", content_type="application/zip")
        data_exports.record(session, lease, archive_key=key, size=5, files_left_out=0)
        session.commit()

    return finish


def test_a_copy_is_ordered_made_and_downloaded(client, buyer_client, finish_export):
    assert buyer_client.get(ADDRESS).status_code == 404
    ordered = buyer_client.post(ADDRESS)
    assert (ordered.status_code, ordered.json["data"]["status"]) == (202, "queued")
    assert buyer_client.get(f"{ADDRESS}/file").status_code == 404
    again = buyer_client.post(ADDRESS)
    assert again.json["data"]["id"] == ordered.json["data"]["id"]
    finish_export()
    ready = buyer_client.get(ADDRESS).json["data"]
    assert (ready["status"], ready["size"], ready["may_order"]) == ("ready", 5, False)
    answer = buyer_client.get(f"{ADDRESS}/file")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
    file = client.get(answer.headers["Location"])
    assert file.data == b"a zip"
    assert "style-license-data-" in file.headers["Content-Disposition"]
    refused = buyer_client.post(ADDRESS)
    assert (refused.status_code, refused.json["error"]["code"]) == (429, "RATE_LIMIT_EXCEEDED")


def test_nobody_else_gets_it(session, client, buyer_client, sign_in, finish_export):
    buyer_client.post(ADDRESS)
    finish_export()
    stranger = sign_in(making.user(session))
    for path in (ADDRESS, f"{ADDRESS}/file"):
        assert client.get(path).status_code == 401
        assert stranger.get(path).status_code == 404
    buyer_client.csrf_token = None
    assert buyer_client.post(ADDRESS).status_code == 403


def test_the_url_of_the_file_expires_within_minutes(session, client, buyer_client, finish_export):
    buyer_client.post(ADDRESS)
    finish_export()
    url = buyer_client.get(f"{ADDRESS}/file").headers["Location"]
    assert client.get(url.replace("data-exports", "images")).status_code in {403, 404}
    session.execute(update(DataExport).values(created_at=jobs.NOW - data_exports.KEPT))
    session.commit()
    assert buyer_client.get(f"{ADDRESS}/file").status_code == 404
