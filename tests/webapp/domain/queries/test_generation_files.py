import pytest

from tests import making
from webapp.domain.errors import GenerationNotFound, GenerationStillProcessing, NotFound
from webapp.domain.models.style import Style
from webapp.domain.queries import generation_files
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generations

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
    assert "/storage/images/" in image_url(session, storage, made, owner)
    named = image_url(session, storage, made, ANYBODY, "thumb", download=True)
    assert f"download=style-license-{made.id}.png" in named


def test_the_full_file_is_for_its_licensee_the_artist_and_administrators(session, storage):
    made = making.generation(session, storage)
    making.finish(session, storage, made, is_public=True)
    artist_id = session.get(Style, made.style_id).artist_id
    admin = Viewer(user_id=making.user(session).id, is_admin=True)
    for viewer in (Viewer(user_id=made.user_id), Viewer(user_id=artist_id), admin):
        assert f"/storage/images/{made.id}." in image_url(session, storage, made, viewer)


@pytest.mark.parametrize("download", [False, True])
def test_others_get_the_preview_when_they_ask_for_the_full_file(session, storage, download):
    made = making.generation(session, storage)
    making.finish(session, storage, made, is_public=True)
    stranger = Viewer(user_id=making.user(session).id)
    other_artist = Viewer(user_id=making.artist(session, storage).user_id)
    for viewer in (ANYBODY, stranger, other_artist):
        url = image_url(session, storage, made, viewer, download=download)
        assert f"/storage/previews/{made.id}." in url


def test_a_private_image_is_not_even_its_artists(session, storage):
    made = making.generation(session, storage)
    making.finish(session, storage, made)
    artist_id = session.get(Style, made.style_id).artist_id
    with pytest.raises(GenerationNotFound):
        image_url(session, storage, made, Viewer(user_id=artist_id))


def test_a_failed_image_has_no_file(session, storage):
    made = making.generation(session, storage)
    generations.fail(session, made.id, "INVALID_PROMPT", "It cannot be drawn.")
    with pytest.raises(NotFound):
        image_url(session, storage, made, Viewer(user_id=made.user_id))
