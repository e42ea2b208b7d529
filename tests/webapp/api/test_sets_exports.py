import io
import json
import zipfile
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import select, update

from celery_config import TaskName
from tests import making
from tests import sets_albums as albums
from tests.webapp.conftest import error_code, sets_client_of
from webapp.domain import jobs, sets_presets
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_export import ExportStatus, SetsExport
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_archives, sets_exports


@pytest.fixture
def account(session):
    return albums.account(session, balance=100)


@pytest.fixture
def client(app, account):
    return sets_client_of(app, account)


def finished(session, storage, account, **columns):
    """A job whose photos are done."""
    job = albums.album(session, storage, of=account, status=SetsJobStatus.RUNNING, **columns)
    for photo in albums.photos_of(session, job):
        photo.status, photo.result_key = PhotoStatus.DONE, f"results/{photo.id}.png"
        storage.put(photo.result_key, albums.photo_png(photo.id), content_type="image/png")
    job.status = SetsJobStatus.DONE
    session.commit()
    return job


@pytest.fixture
def job(session, storage, account):
    return finished(session, storage, account)


def export(client, job, **query):
    return client.get(f"/api/v1/sets/jobs/{job.public_id}/export", query_string=query)


def exports(session):
    return list(session.scalars(select(SetsExport).order_by(SetsExport.id)))


def test_an_archive_is_begun_and_its_asker_told_to_come_again(client, session, job):
    for _ in range(2):
        answer = export(client, job)
        assert answer.status_code == 202
        assert answer.json["data"] == {"status": "queued"}
        assert answer.headers["Retry-After"] == "2"
    (made,) = exports(session)
    assert (made.template, made.language) == ("proposal3", "en")
    assert [each.ref for each in albums.work(session, JobKind.SETS_EXPORT)] == [made.id]


def test_a_finished_archive_is_downloaded_under_a_name(client, session, storage, job):
    export(client, job)
    (made,) = exports(session)
    storage.put("archives/1.zip", b"PK", content_type="application/zip")
    made.status, made.archive_key, made.archive_size = ExportStatus.READY, "archives/1.zip", 2
    session.commit()
    answer = export(client, job)
    assert answer.status_code == 302
    file = client.get(answer.location)
    assert file.data == b"PK"
    assert f"{job.public_id}-proposal3.zip" in file.headers["Content-Disposition"]


def test_an_export_before_the_end_is_refused(client, session, storage, account, job):
    running = albums.album(session, of=account, status=SetsJobStatus.RUNNING)
    session.commit()
    for each in (export(client, running), export(client, job, jobs=running.public_id)):
        assert (each.status_code, error_code(each)) == (409, "JOB_NOT_FINISHED")
    assert exports(session) == []


def test_nobody_exports_what_is_somebody_elses(app, session, storage, account, job):
    other = sets_client_of(app, albums.account(session))
    assert error_code(export(other, job)) == "JOB_NOT_FOUND"


def test_templates_of_the_paid_plan_need_it(client, session, account, job):
    paid = next(each for each in sets_presets.preset("interior").templates if each.plan == "pro")
    assert error_code(export(client, job, template=paid.id)) == "PLAN_REQUIRED"
    account.pro_until = session.scalar(select(jobs.NOW)) + timedelta(days=1)
    session.commit()
    assert export(client, job, template=paid.id).status_code == 202


@pytest.mark.parametrize(
    "query", [{"template": "no_such"}, {"language": "fr"}, {"jobs": "a,b,c"}], ids=str
)
def test_what_there_is_not_is_named(client, job, query):
    answer = export(client, job, **query)
    assert error_code(answer) == "VALIDATION_ERROR"
    assert set(answer.json["error"]["details"]["fields"]) == set(query)


def test_proposals_are_jobs_of_one_album(client, session, storage, account, job):
    variant = finished(session, storage, account, source_job_id=job.id)
    stranger = finished(session, storage, account)
    ids = f"{job.public_id},{variant.public_id}"
    assert error_code(export(client, job, jobs=stranger.public_id)) == "VALIDATION_ERROR"
    assert error_code(export(client, job, jobs=ids)) == "VALIDATION_ERROR"
    assert export(client, job, jobs=variant.public_id).status_code == 202
    assert exports(session)[0].other_jobs == [variant.id]


def test_other_results_need_another_archive(client, session, job):
    export(client, job)
    photo = albums.photos_of(session, job)[0]
    photo.result_key = "results/again.png"
    session.commit()
    export(client, job)
    assert len(exports(session)) == 2


def test_an_archive_that_failed_is_told_and_begun_anew_after_a_minute(client, session, job):
    export(client, job)
    (made,) = exports(session)
    sets_exports.fail(session, made.id, "INVALID_ALBUM", "No.")
    session.commit()
    answer = export(client, job)
    assert (answer.status_code, error_code(answer)) == (503, "SERVICE_UNAVAILABLE")
    session.execute(update(SetsExport).values(finished_at=jobs.NOW - timedelta(minutes=2)))
    session.commit()
    assert export(client, job).status_code == 202
    assert [each.status for each in exports(session)] == [ExportStatus.QUEUED]


def test_the_archive_of_a_jobs_own_template_is_begun_in_its_persons_language(session, storage):
    user = making.user(session, language="ko")
    owner = albums.account(session, user=user)
    job = finished(session, storage, owner, output_template="before_after")
    sets_exports.prepare(session, job)
    (made,) = exports(session)
    assert (made.template, made.language) == ("before_after", "ko")


def test_an_archive_is_made_of_both_jobs(committed, storage):
    from tasks.on_cpu.export_set import export_set

    with committed.begin() as session:
        owner = albums.account(session, balance=10)
        texture = {"Floor": {"action": "texture", "value": "oak_a"}}
        job = finished(session, storage, owner, name="Modern")
        other = finished(
            session, storage, owner, source_job_id=job.id, name="Natural", concepts=texture
        )
        photo = albums.photos_of(session, other)[1]
        photo.status, photo.result_key, photo.failure_code = PhotoStatus.FAILED, None, "TIMEOUT"
        photo.warnings = [{"code": "CONCEPT_NOT_FOUND", "concept": "Floor"}]
        wanted = sets_exports.WantedExport("before_after", (other.public_id,), "ko")
        sets_exports.request(session, owner, job.public_id, wanted)
        (waiting,) = albums.work(session, JobKind.SETS_EXPORT)
    export_set(job_id=waiting.id)
    with committed() as session:
        (made,) = exports(session)
        assert made.status == ExportStatus.READY
        data = storage.get(made.archive_key)
        assert made.archive_size == len(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        result = next(name for name in names if name.startswith("results/1_Modern/000"))
        assert Image.open(io.BytesIO(archive.read(result))).size == albums.SIZE
    assert [each["name"] for each in manifest["jobs"]] == ["Modern", "Natural"]
    assert manifest["jobs"][1]["colours"][0]["concept"] == "바닥"
    assert [len(each["files"]) for each in manifest["photos"]] == [2, 1]
    assert any(name.startswith("sheets/") for name in names)


def test_an_album_that_cannot_be_laid_out_fails_its_export(committed, storage):
    from tasks.on_cpu.export_set import export_set

    with committed.begin() as session:
        owner = albums.account(session, balance=10)
        job = finished(session, storage, owner)
        for photo in albums.photos_of(session, job):
            storage.put(photo.result_key, b"no picture", content_type="image/png")
        sets_exports.prepare(session, job)
        (waiting,) = albums.work(session, JobKind.SETS_EXPORT)
    export_set(job_id=waiting.id)
    with committed() as session:
        (made,) = exports(session)
        assert (made.status, made.failure_code) == (ExportStatus.FAILED, "INVALID_ALBUM")


def test_photos_of_no_group_are_in_the_last_one(session, storage, account):
    job = finished(session, storage, account, preset_id="seller")
    sets_exports.prepare(session, job)
    waiting = albums.work(session, JobKind.SETS_EXPORT)[0]
    lease = jobs.claim(session, waiting.id, TaskName.EXPORT_SET, 60)
    work = sets_archives.archive_work(session, lease)
    assert {photo.group for photo in work.photos} == {work.groups[-1].id} == {"other"}
