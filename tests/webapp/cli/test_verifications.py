"""`flask verify`: all layers at once, a clear answer, and an exit status for programs."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from tests import delivering, images, making
from webapp.app import create_app
from webapp.domain.models.license import Certificate


@pytest.fixture
def delivered(committed, storage):
    """A delivered picture: its certificate's id and its file."""
    with committed() as session:
        made = making.generation(session, storage)
        file = delivering.deliver(session, storage, made, delivering.picture())
        return made.license_public_id, file


@pytest.fixture
def verify(committed, storage, tmp_path):
    def run(data):
        file = tmp_path / "picture"
        file.write_bytes(data)
        return create_app().test_cli_runner().invoke(args=["verify", str(file)])

    return run


def test_a_part_saved_again_is_recognised(verify, delivered):
    public_id, file = delivered
    answer = verify(delivering.saved_again(delivering.cropped(file, 0.125)))
    assert answer.exit_code == 0, answer.output
    assert f"{public_id}  valid  http" in answer.output
    assert "found by watermark" in answer.output
    assert "watermark_search" in answer.output.splitlines()[-1]


def test_a_revoked_certificate_is_told_of_first(verify, delivered, committed):
    public_id, file = delivered
    with committed.begin() as session:
        day = datetime(2026, 3, 4, tzinfo=UTC)
        session.execute(update(Certificate).values(status="revoked", revoked_at=day))
    answer = verify(file)
    assert answer.exit_code == 0
    assert answer.output.startswith(f"{public_id}  REVOKED on 2026-03-04")


def test_a_picture_of_somebody_else_is_not(verify, delivered):
    upload = delivering.with_xmp(images.scene(96, 96, seed=20), delivered[0])
    answer = verify(upload)
    assert answer.exit_code == 1, answer.output
    assert "No certificate was found." in answer.output
    assert "names the certificate of another picture" in answer.output


def test_a_file_that_is_no_picture_is_an_error(verify):
    answer = verify(b"no picture")
    assert (answer.exit_code, "INVALID_IMAGE_FORMAT" in answer.output) == (2, True)
