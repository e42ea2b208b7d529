import pytest

from tests import making
from webapp.domain.errors import GenerationNotFound, GenerationStillProcessing, NotFound
from webapp.domain.services import generation_files, generations
from webapp.domain.viewing import Viewer

ANYBODY = Viewer()


def image_url(session, storage, made, viewer, variant="full", *, download=False):
    return generation_files.image_url(
        session,
        storage,
        generation_id=made.id,
        viewer=viewer,
        variant=variant,
        download=download,
    )


def test_the_file_is_there_only_once_it_is_signed(session, storage):
    made = making.generation(session, storage)
    owner = Viewer(user_id=made.user_id)
    with pytest.raises(GenerationStillProcessing) as caught:
        image_url(session, storage, made, owner)
    assert caught.value.details == {"generation_ids": [made.id]}
    with pytest.raises(GenerationNotFound):
        image_url(session, storage, made, ANYBODY)
    making.finish(session, storage, made, is_public=True)
    assert "/storage/images/" in image_url(session, storage, made, ANYBODY)
    named = image_url(session, storage, made, ANYBODY, "thumb", download=True)
    assert f"download=style-license-{made.id}.png" in named


def test_a_failed_image_has_no_file(session, storage):
    made = making.generation(session, storage)
    generations.fail(session, made.id, "INVALID_PROMPT", "It cannot be drawn.")
    with pytest.raises(NotFound):
        image_url(session, storage, made, Viewer(user_id=made.user_id))
