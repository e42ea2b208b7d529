from contextlib import nullcontext

import pytest
from sqlalchemy import select

from tests import images, making
from webapp.domain import errors, image_errors
from webapp.domain.models.style import Artwork, ArtworkStatus, Tag
from webapp.domain.services import artworks
from webapp.domain.services.artworks import DeclaredFile, UploadedImage

MEGABYTE = 1_048_576
ACCEPTED = {"accepted": ["image/jpeg", "image/png"]}


def uploaded(*files):
    return [UploadedImage(f"work {n}.png", data) for n, data in enumerate(files)]


def declared(count=10, **changes):
    return [
        DeclaredFile(
            **{"filename": f"{n}.png", "size": 1000, "content_type": "image/png"} | changes
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    "count, error",
    [
        (0, "INSUFFICIENT_IMAGES"),
        (9, "INSUFFICIENT_IMAGES"),
        (10, None),
        (100, None),
        (101, "TOO_MANY_IMAGES"),
    ],
)
def test_a_style_has_ten_to_a_hundred_images(count, error):
    if error is None:
        artworks.check_count(count)
        return
    with pytest.raises(errors.DomainError) as refused:
        artworks.check_count(count)
    assert refused.value.code == error
    assert refused.value.details["count"] == count


@pytest.mark.parametrize(
    "bad, code, allowed",
    [
        (images.png(511, 600), "IMAGE_RESOLUTION_TOO_LOW", {"min_width": 512, "min_height": 512}),
        (images.gif(), "INVALID_IMAGE_FORMAT", ACCEPTED),
        (images.svg(), "INVALID_IMAGE_FORMAT", ACCEPTED),
        (images.html(), "INVALID_IMAGE_FORMAT", ACCEPTED),
        (b"", "INVALID_IMAGE_FORMAT", ACCEPTED),
        (
            images.png_claiming(20_000, 20_000),
            "IMAGE_TOO_LARGE_PIXELS",
            {"max_pixels": 50_000_000},
        ),
        (
            images.heavy(10 * MEGABYTE + 1),
            "IMAGE_SIZE_EXCEEDED",
            {"max_bytes": 10 * MEGABYTE},
        ),
    ],
)
def test_a_bad_file_is_named_with_what_was_found_and_what_is_allowed(bad, code, allowed):
    with pytest.raises(image_errors.ImageRefused) as refused:
        artworks.inspect(uploaded(images.png(), bad))
    assert refused.value.code == code
    [named] = refused.value.details["images"]
    assert (named["idx"], named["filename"], named["code"]) == (1, "work 1.png", code)
    assert set(named) == {"idx", "filename", "code", "actual", "limit"}
    assert refused.value.details == {"images": [named], **allowed}


def test_a_file_of_exactly_ten_megabytes_is_accepted():
    [header] = artworks.inspect(uploaded(images.heavy(10 * MEGABYTE)))
    assert (header.width, header.height, header.format) == (640, 512, "PNG")


def test_of_several_bad_files_the_first_gives_the_code_and_all_are_named():
    with pytest.raises(image_errors.InvalidImageFormat) as refused:
        artworks.inspect(uploaded(images.gif(), images.png(), images.png(100, 100)))
    assert [(bad["idx"], bad["code"]) for bad in refused.value.details["images"]] == [
        (0, "INVALID_IMAGE_FORMAT"),
        (2, "IMAGE_RESOLUTION_TOO_LOW"),
    ]


def test_the_same_bytes_twice_are_a_duplicate():
    twin = images.png()
    with pytest.raises(image_errors.DuplicateImage) as refused:
        artworks.inspect(uploaded(images.jpeg(), twin, twin, twin))
    assert refused.value.details == {
        "images": [
            {
                "idx": idx,
                "filename": f"work {idx}.png",
                "code": "DUPLICATE_IMAGE",
                "actual": None,
                "limit": None,
                "duplicate_of": 1,
            }
            for idx in (2, 3)
        ],
        "duplicate_of": 1,
    }


def test_duplicates_and_other_bad_files_are_named_together():
    twin = images.png()
    with pytest.raises(image_errors.DuplicateImage) as refused:
        artworks.inspect(uploaded(twin, twin, images.gif(), twin))
    assert [(bad["idx"], bad["code"]) for bad in refused.value.details["images"]] == [
        (1, "DUPLICATE_IMAGE"),
        (2, "INVALID_IMAGE_FORMAT"),
        (3, "DUPLICATE_IMAGE"),
    ]
    with pytest.raises(image_errors.InvalidImageFormat) as refused:
        artworks.inspect(uploaded(images.gif(), twin, twin))
    assert refused.value.details["accepted"] == ACCEPTED["accepted"]
    assert len(refused.value.details["images"]) == 2


@pytest.mark.parametrize(
    "files, code, idx",
    [
        (declared(content_type="image/gif"), "INVALID_IMAGE_FORMAT", 0),
        ([*declared(3), *declared(1, size=10 * MEGABYTE + 1)], "IMAGE_SIZE_EXCEEDED", 3),
        (declared(size=10 * MEGABYTE), None, None),
    ],
)
def test_declared_files_are_judged_by_what_is_declared(files, code, idx):
    if code is None:
        artworks.check_declared(files)
        return
    with pytest.raises(image_errors.ImageRefused) as refused:
        artworks.check_declared(files)
    assert refused.value.code == code
    assert refused.value.details["images"][0]["idx"] == idx


def test_of_bad_declarations_the_first_gives_the_code_and_all_are_named():
    files = [
        *declared(1),
        *declared(1, size=10 * MEGABYTE + 1),
        *declared(1, content_type="image/gif"),
    ]
    with pytest.raises(image_errors.ImageSizeExceeded) as refused:
        artworks.check_declared(files)
    assert refused.value.details == {
        "images": [
            {
                "idx": 1,
                "filename": "0.png",
                "code": "IMAGE_SIZE_EXCEEDED",
                "actual": 10 * MEGABYTE + 1,
                "limit": 10 * MEGABYTE,
            },
            {
                "idx": 2,
                "filename": "0.png",
                "code": "INVALID_IMAGE_FORMAT",
                "actual": "image/gif",
                "limit": "JPEG, PNG",
            },
        ],
        "max_bytes": 10 * MEGABYTE,
    }


@pytest.fixture
def style(session, storage):
    return making.style(session, storage)


def rows(session, style):
    return session.scalars(
        select(Artwork).where(Artwork.style_id == style.id).order_by(Artwork.idx)
    ).all()


def test_checked_files_lie_in_storage_under_keys_of_our_own(session, storage, style):
    evil = "../../etc/passwd\x00.png"
    data = images.png()
    files = [UploadedImage(evil.replace("\x00", ""), data, tags=("Pier",))]
    stored = artworks.store(lambda: nullcontext(session), storage, files)
    artworks.add_stored(session, style, stored, first_idx=4)

    [work] = rows(session, style)
    assert work.upload_key.startswith("uploads/")
    assert "passwd" not in work.upload_key
    assert storage.get(work.upload_key) == data
    assert (work.idx, work.width, work.height, work.status) == (4, 640, 512, "pending")


def test_every_training_image_has_the_name_of_its_style_as_a_tag(session, storage, style):
    files = [UploadedImage("a.png", images.png(), tags=(" Pier", "boat", "pier"))]
    stored = artworks.store(lambda: nullcontext(session), storage, files)
    artworks.add_stored(session, style, stored, first_idx=0)
    [work] = rows(session, style)
    assert work.tags == [style.tags[0], "pier", "boat"]
    assert set(work.tags) <= set(style.tags)


@pytest.mark.parametrize(
    "tags, error",
    [
        (tuple(f"tag {n}" for n in range(21)), errors.ValidationFailed),
        (("꽈배기",), errors.InvalidTagLanguage),
        (("mud",), errors.TagNotAllowed),
    ],
)
def test_bad_image_tags_are_refused(session, tags, error):
    session.add(Tag(name="mud", is_flagged=True))
    session.flush()
    with pytest.raises(error):
        artworks.with_clean_tags(session, [*declared(1), *declared(1, tags=tags)])


def test_a_declared_file_gets_a_place_for_one_hour(session, storage, style):
    [place] = artworks.add_declared(session, storage, style, declared(1), first_idx=0)
    [work] = rows(session, style)
    assert (place.artwork_id, place.idx, place.method) == (work.id, 0, "PUT")
    assert work.upload_key in place.url


def test_what_was_taken_out_is_history_not_gone(session, storage, style):
    places = artworks.add_declared(session, storage, style, declared(3), first_idx=0)
    artworks.remove(session, style.id, [places[1].artwork_id])
    session.expire_all()
    assert [work.idx for work in artworks.present(session, style.id)] == [0, 2]
    assert len(rows(session, style)) == 3
    assert artworks.next_idx(session, style.id) == 3


def test_nobody_takes_images_out_of_anothers_style(session, storage, style):
    other = making.style(session, storage)
    [place] = artworks.add_declared(session, storage, other, declared(1), first_idx=0)
    artworks.remove(session, style.id, [place.artwork_id])
    session.expire_all()
    assert len(artworks.present(session, other.id)) == 1


def test_only_good_verdicts_are_judged_again_since_the_bytes_of_bad_ones_are_gone(
    session, storage, style
):
    artworks.add_declared(session, storage, style, declared(2), first_idx=0)
    good, bad = rows(session, style)
    good.status, good.clean_key = ArtworkStatus.VALID, "artworks/1.png"
    bad.status, bad.code = ArtworkStatus.REJECTED, "DUPLICATE_IMAGE"
    session.flush()
    artworks.judge_again(session, [good, bad])
    session.expire_all()
    assert [(work.status, work.code) for work in rows(session, style)] == [
        ("pending", None),
        ("rejected", "DUPLICATE_IMAGE"),
    ]
    assert artworks.awaited(session, style.id) == []
