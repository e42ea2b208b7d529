"""Copy a person's data: JSON documents and files in one archive, for this person alone."""

from collections.abc import Iterator
from typing import BinaryIO, cast

import orjson

from celery_config import TaskName
from failpoints import failpoint
from tasks.on_cpu.archive_streams import ArchiveStream, LeaseRenewal
from tasks.on_cpu.attempt import LeaseLost, attempt, claim, storage
from tasks.task import task
from webapp.domain import zip_streams
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import ObjectMissing
from webapp.domain.identifiers import object_key
from webapp.domain.queries import personal_data, personal_files
from webapp.domain.queries.personal_data import Document
from webapp.domain.queries.personal_files import OwnFile
from webapp.domain.services import data_exports
from webapp.domain.settings import settings

MOST_FILE_BYTES = personal_files.MOST_FILE_MEGABYTES << 20
README = """\
Your data on Style License / Style License에 있는 내 데이터

*.json       what is stored of you / 저장된 내용
profile/     your photo and your signature / 프로필 사진과 서명
artworks/    your artworks, as they were checked / 확인을 마친 작품
pictures/    your delivered pictures, the newest first / 받은 이미지, 최신순

Files of more than {megabytes} MB in all are left out; left_out.json lists them with their pages.
파일은 모두 합해 {megabytes} MB까지 담습니다. 나머지는 left_out.json에 페이지 주소와 함께 있습니다.
Photos of Sets are not in it: download them on the pages of their albums.
Sets 사진은 들어 있지 않으며 각 앨범 페이지에서 다운로드할 수 있습니다.
"""


@task(TaskName.EXPORT_DATA)
def export_data(*, job_id: int) -> None:
    """Write and store the copy of one person's data."""
    lease = claim(job_id, TaskName.EXPORT_DATA)
    with attempt(lease):
        with unit_of_work() as session:
            user_id = data_exports.owner_of(session, lease)
            if user_id is None:
                raise LeaseLost
            archive = _Archive(
                personal_data.documents(session, user_id), personal_files.files(session, user_id)
            )
        renewal = LeaseRenewal(lease)
        key = object_key(f"data-exports/{lease.ref}-{lease.fence}", "zip")
        stream = ArchiveStream(zip_streams.pieces(archive.entries(renewal)), renewal)
        storage().put_stream(key, cast("BinaryIO", stream), content_type="application/zip")
        failpoint("after_put")
        with unit_of_work() as session:
            data_exports.record(
                session,
                lease,
                archive_key=key,
                size=stream.size,
                files_left_out=len(archive.left_out),
            )


class _Archive:
    """What the archive contains; `left_out` are the files that were too much, once it is sent."""

    def __init__(self, documents: list[Document], files: list[OwnFile]) -> None:
        self._documents, self._files = documents, files
        self.left_out: list[OwnFile] = []

    def entries(self, renewal: LeaseRenewal) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of each entry; one file is in memory at a time."""
        yield "README.txt", README.format(megabytes=MOST_FILE_BYTES >> 20).encode()
        for document in self._documents:
            yield document.name, document.content
        left = MOST_FILE_BYTES
        for file in self._files:
            content = _read(file.key, renewal) if left > 0 else None
            if content is None:
                self.left_out.append(file)
            elif len(content) > left:
                self.left_out.append(file)
                left = 0  # no later file is read: the archive has the newest without a gap
            else:
                left -= len(content)
                yield file.name, content
        yield "left_out.json", self._list_of_left_out()

    def _list_of_left_out(self) -> bytes:
        site = settings().public_base_url
        rows = [
            {"name": file.name, "page": file.page and f"{site}{file.page}"}
            for file in self.left_out
        ]
        return orjson.dumps(rows, option=orjson.OPT_INDENT_2)


def _read(key: str, renewal: LeaseRenewal) -> bytes | None:
    """Return a stored file, or None if it is gone: its artwork was replaced meanwhile."""
    renewal.renew()
    try:
        return storage().get(key)
    except ObjectMissing:
        return None
