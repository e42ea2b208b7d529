import io
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import select, update

from tests import making, sets_albums as albums
from tests.webapp.conftest import error_code, sets_client_of
from webapp.domain import jobs, sets_presets
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_export import ExportStatus, SetsExport
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_exports


@pytest.fixture
def account(session):
    return albums.account(session, balance=100)


@pytest.fixture
def client(app, account):
    return sets_client_of(app, account)


@pytest.fixture
def job(session, storage, account):
    made = albums.finished(session, storage, account)
    session.commit()
    return made


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
    assert (made.template, made.language) == ("before_after", "en")
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
    assert f"{job.public_id}-before_after.zip" in file.headers["Content-Disposition"]


def test_an_export_before_the_end_is_refused(client, session, storage, account, job):
    running = albums.album(session, of=account, status=SetsJobStatus.RUNNING)
    session.commit()
    for each in (export(client, running), export(client, job, jobs=running.public_id)):
        assert (each.status_code, error_code(each)) == (409, "JOB_NOT_FINISHED")
    assert exports(session) == []


@pytest.mark.parametrize("status", [SetsJobStatus.CANCELED, SetsJobStatus.FAILED])
def test_an_ended_job_is_exported_if_it_has_finished_photos(client, session, job, status):
    first, second = albums.photos_of(session, job)
    second.status, second.result_key = PhotoStatus.CANCELED, None
    job.status = status
    session.commit()
    assert export(client, job).status_code == 202
    first.status, first.result_key = PhotoStatus.CANCELED, None
    session.commit()
    answer = export(client, job)
    assert (answer.status_code, error_code(answer)) == (409, "JOB_NOT_FINISHED")
    assert answer.json["error"]["details"] == {"status": status}


def test_a_finished_photo_is_downloaded_at_full_size_under_its_own_name(client, session, job):
    second = albums.photos_of(session, job)[1]
    second.status, second.result_key = PhotoStatus.CANCELED, None
    job.status = SetsJobStatus.CANCELED
    session.commit()
    shown = client.get(f"/api/v1/sets/jobs/{job.public_id}").json["data"]
    (output,) = shown["outputs_ready"]
    file = client.get(output["result_url"])
    assert Image.open(io.BytesIO(file.data)).size == albums.SIZE
    assert shown["items"][0]["filename"] == "room 0.png"
    assert 'filename="room 0.png"' in file.headers["Content-Disposition"]


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
    "query", [{"template": "no_such"}, {"language": "fr"}, {"jobs": "a,b,c,d,e,f,g,h"}], ids=str
)
def test_what_there_is_not_is_named(client, job, query):
    answer = export(client, job, **query)
    assert error_code(answer) == "VALIDATION_ERROR"
    assert set(answer.json["error"]["details"]["fields"]) == set(query)


def test_proposals_are_jobs_of_one_album(client, session, storage, account, job):
    variant = albums.finished(session, storage, account, source_job_id=job.id)
    stranger = albums.finished(session, storage, account)
    session.commit()
    ids = f"{job.public_id},{variant.public_id}"
    assert error_code(export(client, job, jobs=stranger.public_id)) == "VALIDATION_ERROR"
    assert error_code(export(client, job, jobs=ids)) == "VALIDATION_ERROR"
    assert export(client, job, jobs=variant.public_id).status_code == 202
    assert exports(session)[0].other_jobs == [variant.id]


def test_five_colours_are_on_one_option_board(client, session, storage, account):
    paid_until = session.scalar(select(jobs.NOW)) + timedelta(days=1)
    account.pro_until = paid_until
    first = albums.finished(session, storage, account, preset_id="seller")
    others = [
        albums.finished(session, storage, account, preset_id="seller", source_job_id=first.id)
        for _ in range(4)
    ]
    session.commit()
    ids = ",".join(each.public_id for each in others)
    assert export(client, first, template="option_board", jobs=ids).status_code == 202
    assert exports(session)[0].other_jobs == [each.id for each in others]


def test_a_template_for_three_proposals_takes_no_fourth(client, session, storage, account, job):
    account.pro_until = session.scalar(select(jobs.NOW)) + timedelta(days=1)
    others = [
        albums.finished(session, storage, account, source_job_id=job.id).public_id for _ in range(3)
    ]
    session.commit()
    answer = export(client, job, template="proposal3", jobs=",".join(others))
    assert error_code(answer) == "VALIDATION_ERROR"
    said = answer.json["error"]["details"]["fields"]["jobs"]
    assert said == ["At most 2 other jobs with this template."]
    assert export(client, job, template="proposal3", jobs=",".join(others[1:])).status_code == 202


def test_other_results_need_another_archive(client, session, job):
    export(client, job)
    photo = albums.photos_of(session, job)[0]
    photo.result_key = "results/again.png"
    session.commit()
    export(client, job)
    assert len(exports(session)) == 2


def test_the_archive_of_older_results_is_let_go_of(client, session, job):
    for position in range(3):
        albums.photos_of(session, job)[0].position = position
        session.commit()
        export(client, job)
        session.execute(update(SetsExport).values(status="ready", archive_key="archives/1.zip"))
        session.commit()
    assert len(exports(session)) == 1


def test_of_one_account_few_archives_are_made_at_once(client, session, job):
    answers = []
    for position in range(sets_exports.MAX_QUEUED + 1):
        albums.photos_of(session, job)[0].position = position
        session.commit()
        answers.append(export(client, job))
    assert [each.status_code for each in answers] == [202] * sets_exports.MAX_QUEUED + [429]
    assert error_code(answers[-1]) == "RATE_LIMIT_EXCEEDED"
    assert export(client, job, language="ko").status_code == 429
    albums.photos_of(session, job)[0].position = 0
    session.commit()
    assert export(client, job).status_code == 202, "what is being made may be asked for"


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


def test_a_job_ends_though_the_archive_of_the_same_results_has_just_failed(session, storage):
    job = albums.finished(session, storage, albums.account(session))
    sets_exports.prepare(session, job)
    sets_exports.fail(session, exports(session)[0].id, "INVALID_ALBUM", "No.")
    sets_exports.prepare(session, job)
    assert [each.status for each in exports(session)] == [ExportStatus.QUEUED]


def test_the_archive_of_a_jobs_own_template_is_begun_in_its_persons_language(session, storage):
    user = making.user(session, language="ko")
    owner = albums.account(session, user=user)
    job = albums.finished(session, storage, owner, output_template="before_after")
    sets_exports.prepare(session, job)
    (made,) = exports(session)
    assert (made.template, made.language) == ("before_after", "ko")
