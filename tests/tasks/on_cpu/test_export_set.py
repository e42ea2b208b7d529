import io
import json
import zipfile

from PIL import Image
from sqlalchemy import select

from celery_config import TaskName
from tasks.on_cpu import archive_streams, export_set as module
from tasks.on_cpu.export_set import export_set
from tests import sets_albums as albums
from webapp.domain import jobs
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.sets_export import ExportStatus, SetsExport
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_archives, sets_exports


def test_an_archive_is_made_of_both_jobs(committed, storage):
    with committed.begin() as session:
        owner = albums.account(session, balance=10)
        texture = {"Floor": {"action": "texture", "value": "oak_a"}}
        job = albums.finished(session, storage, owner, name="Modern")
        other = albums.finished(
            session, storage, owner, source_job_id=job.id, name="Natural", concepts=texture
        )
        photo = albums.photos_of(session, other)[1]
        photo.status, photo.result_key, photo.failure_code = PhotoStatus.FAILED, None, "TIMEOUT"
        photo.warnings = [{"code": "CONCEPT_NOT_FOUND", "concept": "Floor"}]
        wanted = sets_exports.ExportRequest("before_after", (other.public_id,), "ko")
        sets_exports.request(session, owner, job.public_id, wanted)
        (waiting,) = albums.work(session, JobKind.SETS_EXPORT)
    export_set(job_id=waiting.id)
    with committed() as session:
        (made,) = session.scalars(select(SetsExport)).all()
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


def test_the_archive_of_a_canceled_job_has_its_finished_photos_and_no_others(committed, storage):
    with committed.begin() as session:
        owner = albums.account(session, balance=10)
        job = albums.finished(session, storage, owner)
        photo = albums.photos_of(session, job)[1]
        photo.status, photo.result_key = PhotoStatus.CANCELED, None
        job.status = SetsJobStatus.CANCELED
        wanted = sets_exports.ExportRequest("before_after")
        sets_exports.request(session, owner, job.public_id, wanted)
        (waiting,) = albums.work(session, JobKind.SETS_EXPORT)
    export_set(job_id=waiting.id)
    with committed() as session:
        made = session.scalars(select(SetsExport)).one()
    with zipfile.ZipFile(io.BytesIO(storage.get(made.archive_key))) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
    for folder in ("results/", "sheets/"):
        assert len([name for name in names if name.startswith(folder)]) == 1
    assert [len(each["files"]) for each in manifest["photos"]] == [1, 0]
    assert manifest["photos"][1]["missing_jobs"] == [job.public_id]


def test_the_lease_is_kept_while_the_archive_is_sent(committed, storage, monkeypatch):
    monkeypatch.setattr(archive_streams, "RENEW_EVERY_SECONDS", -1)
    with committed.begin() as session:
        job = albums.finished(session, storage, albums.account(session))
        sets_exports.prepare(session, job)
        (waiting,) = albums.work(session, JobKind.SETS_EXPORT)
    begun = module.archive_pieces

    def slowly(*args):
        for piece in begun(*args):
            with committed.begin() as session:  # what is left of the lease while it is sent
                session.get_one(Job, waiting.id).lease_until = jobs.NOW
            yield piece

    monkeypatch.setattr(module, "archive_pieces", slowly)
    record, left = sets_exports.record, []

    def look(session, lease, **values):
        left.append(session.scalar(select(Job.lease_until > jobs.NOW)))
        return record(session, lease, **values)

    monkeypatch.setattr(sets_exports, "record", look)
    export_set(job_id=waiting.id)
    assert left == [True]


def test_an_archive_is_sent_while_it_is_made_and_needs_no_disk(committed, storage, monkeypatch):
    with committed.begin() as session:
        job = albums.finished(session, storage, albums.account(session, balance=10), photos=10)
        sets_exports.prepare(session, job)
        (waiting,) = albums.work(session, JobKind.SETS_EXPORT)
    read, sent = [], []
    read_photo, put_stream = archive_streams.pictures.read, type(storage).put_stream

    def reading(key):
        read.append(key)
        return read_photo(key)

    def watched(self, key, stream, **values):
        def seen(size):
            sent.append(len(read))
            return stream.readinto(size)

        class Watched(io.RawIOBase):
            def readable(self):
                return True

            def readinto(self, buffer):
                return seen(buffer)

        put_stream(self, key, Watched(), **values)

    def no_disk(*_args, **_values):
        raise OSError("no space left on device")

    monkeypatch.setattr(archive_streams.pictures, "read", reading)
    monkeypatch.setattr(type(storage), "put_stream", watched)
    monkeypatch.setattr("tempfile.TemporaryFile", no_disk)
    export_set(job_id=waiting.id)
    assert sent[0] == 0, "sending begins before anything is read"
    assert len(set(sent)) > 10, "what is read is sent before the next is read"
    with committed() as session:
        (made,) = session.scalars(select(SetsExport)).all()
        assert made.status == ExportStatus.READY
        assert made.archive_size == storage.head(made.archive_key).size


def test_an_album_that_cannot_be_laid_out_fails_its_export(committed, storage):
    with committed.begin() as session:
        owner = albums.account(session, balance=10)
        job = albums.finished(session, storage, owner)
        for photo in albums.photos_of(session, job):
            storage.put(photo.result_key, b"no picture", content_type="image/png")
        sets_exports.prepare(session, job)
        (waiting,) = albums.work(session, JobKind.SETS_EXPORT)
    export_set(job_id=waiting.id)
    with committed() as session:
        (made,) = session.scalars(select(SetsExport)).all()
        assert (made.status, made.failure_code) == (ExportStatus.FAILED, "INVALID_ALBUM")
    assert [info.key for info in storage.list("archives/")] == []


def test_photos_of_no_group_are_in_the_last_one(session, storage):
    account = albums.account(session)
    job = albums.finished(session, storage, account, preset_id="seller")
    sets_exports.prepare(session, job)
    waiting = albums.work(session, JobKind.SETS_EXPORT)[0]
    lease = jobs.claim(session, waiting.id, TaskName.EXPORT_SET, 60)
    work = sets_archives.archive_input(session, lease)
    assert {photo.group for photo in work.photos} == {work.groups[-1].id} == {"other"}


def archive_of(session, account, job, *others):
    """The input of the archive of these jobs, with texts in English."""
    wanted = sets_exports.ExportRequest("before_after", tuple(each.public_id for each in others))
    sets_exports.request(session, account, job.public_id, wanted)
    waiting = albums.work(session, JobKind.SETS_EXPORT)[-1]
    lease = jobs.claim(session, waiting.id, TaskName.EXPORT_SET, 60)
    return sets_archives.archive_input(session, lease)


def colours_of(archive, job):
    """The colours of each photo in a job, as (concept, name)."""
    return [
        [(colour.concept, colour.name) for colour in photo.colours[job.public_id]]
        for photo in archive.photos
    ]


def test_a_photo_is_named_by_the_own_colours_of_its_instances(session, storage):
    account = albums.account(session)
    job = albums.finished(session, storage, account)
    first, second = albums.photos_of(session, job)
    blue, green = ({"action": "recolor", "value": value} for value in ("#0000FF", "#00FF00"))
    albums.instance(session, first, storage)
    albums.instance(session, first, storage, rule=blue)
    albums.instance(session, first, storage, concept="Window", rule=green)
    albums.instance(session, first, storage, concept="Window", rule=blue, state="exclude")
    albums.instance(session, second, storage, rule=blue)
    work = archive_of(session, account, job)
    assert colours_of(work, job) == [
        [("Wall", "#C04A2B"), ("Wall", "#0000FF"), ("Window", "#00FF00")],
        [("Wall", "#0000FF")],
    ]
    assert [each.name for each in work.variants[0].colours] == ["#C04A2B", "#0000FF", "#00FF00"]


def test_a_colour_that_is_in_no_photo_is_not_named(session, storage):
    account = albums.account(session)
    floor = {"Floor": {"action": "texture", "value": "oak_a"}}
    job = albums.finished(session, storage, account, concepts=albums.WALL | floor)
    for photo in albums.photos_of(session, job):
        albums.instance(session, photo, storage)
        photo.warnings = [{"code": "CONCEPT_NOT_FOUND", "concept": "Floor"}]
    work = archive_of(session, account, job)
    assert colours_of(work, job) == [[("Wall", "#C04A2B")]] * 2
    assert [each.concept for each in work.variants[0].colours] == ["Wall"]


def test_what_one_job_did_not_find_is_named_in_another_that_found_it(session, storage):
    account = albums.account(session)
    job = albums.finished(session, storage, account, photos=1)
    other = albums.finished(session, storage, account, photos=1, source_job_id=job.id)
    albums.photos_of(session, job)[0].warnings = [{"code": "CONCEPT_NOT_FOUND", "concept": "Wall"}]
    work = archive_of(session, account, job, other)
    assert colours_of(work, job) == [[]]
    assert colours_of(work, other) == [[("Wall", "#C04A2B")]]


def test_a_photo_that_got_another_group_keeps_the_colours_that_it_has(session, storage):
    account = albums.account(session)
    floor = {"Floor": {"action": "texture", "value": "oak_a"}}
    overrides = [{"group": "bathroom", "members": [0], "concepts": floor}]
    job = albums.finished(session, storage, account, concepts={}, overrides=overrides)
    photos = albums.photos_of(session, job)
    for photo, group in zip(photos, ("kitchen", "bathroom"), strict=True):
        photo.group = group
    work = archive_of(session, account, job)
    named = {photo.idx: photo.colours[job.public_id] for photo in work.photos}
    assert [[each.name for each in named[idx]] for idx in (0, 1)] == [["Oak A"], []]


def test_a_photo_of_an_override_is_named_by_the_colours_it_has(session, storage):
    account = albums.account(session)
    job = albums.finished(
        session,
        storage,
        account,
        concepts={"Floor": {"action": "texture", "value": "oak_a"}},
        overrides=[
            {"items": [1], "concepts": {"Floor": {"action": "texture", "value": "terrazzo"}}}
        ],
    )
    work = archive_of(session, account, job)
    named = [[each.name for each in photo.colours[job.public_id]] for photo in work.photos[:2]]
    assert named == [["Oak A"], ["Terrazzo"]]
    assert [each.name for each in work.variants[0].colours] == ["Oak A", "Terrazzo"]
