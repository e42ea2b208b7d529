"""The ways through Sets that were planned for people, over HTTP, with the real engine."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from gpu.rules.colour import colour_difference, parse_colour, to_levels
from gpu.segmenting.scenes.person import next_click
from gpu.segmenting.scenes.products import draw_product
from gpu.segmenting.scenes.rooms import draw_room
from webapp.embedded.sets_visitor import AlbumPhoto, SetsVisitor
from webapp.schemas.sets_accounts import SetsMe
from webapp.schemas.sets_jobs import CreatedJob, CreditsOfJob, JobAnswer
from webapp.schemas.sets_rules import RuleView

ROOM, PRODUCT = (480, 360), (420, 420)
SEEDS = (1, 4)  # of the products
JUST_NOTICEABLE = 0.02  # a distance in OKLab
FIVE = ("#B3262B", "#1F4E79", "#E0B43C", "#2F6B3C", "#6C4A8C")


@pytest.fixture
def visitor(stack):
    with SetsVisitor(stack.site) as visitor:
        yield visitor


def room(seed, group, *, is_tiled=False):
    scene = draw_room(seed, ROOM, is_tiled=is_tiled)
    return AlbumPhoto(f"{group}-{seed}.jpg", group, scene)


def product(seed):
    return AlbumPhoto(f"product-{seed}.jpg", "main", draw_product(seed, PRODUCT))


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def inner(mask):
    """The pixels of a mask that no edge touches."""
    return ndimage.binary_erosion(mask, iterations=4)


def results(visitor, job_id):
    """The full-size results of a job by index."""
    job = visitor.get(f"/sets/jobs/{job_id}", JobAnswer)
    return {each.idx: pixels(visitor.file(each.result_url)) for each in job.outputs_ready}


def rgb(colour):
    return tuple(bytes.fromhex(colour[1:]))


def credits_left(visitor):
    return visitor.get("/sets/me", SetsMe).credits


def near(levels, colour):
    """Whether the median of levels (N, 3) is a colour, within 3 of 255."""
    wanted = to_levels(parse_colour(colour, "value")).astype(int)
    return np.abs(np.median(levels, axis=0) - wanted).max() <= 3


def manifest_and_names(archive):
    """The manifest of an archive, and the names of its files."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert files.testzip() is None
        return json.loads(files.read("manifest.json")), files.namelist()


def buy_pro(stack, visitor):
    """The plan pro has every template, and no watermark, which would lie on a logo."""
    change = "UPDATE sets_accounts SET pro_until = now() + interval '1 day' WHERE public_id = :id"
    stack.execute(change, id=visitor.get("/sets/me", SetsMe).user_id)


def test_an_interior_album_has_a_window_of_its_own_other_bathrooms_and_three_proposals(
    stack, visitor
):
    buy_pro(stack, visitor)
    photos = [room(0, "living"), room(8, "bathroom", is_tiled=True)]
    job_id = visitor.upload("interior", photos)
    for idx, concept in ((0, "Wall"), (0, "Floor"), (1, "Tile"), (1, "Floor")):
        visitor.click(job_id, idx, concept, photos[idx].scene.mask(concept))
    first, second = photos[0].scene.masks["Window"][:2]
    for truth in (first, second):
        window = visitor.click(job_id, 0, "Window", truth)
    assert window.label == "Window #2"
    own = {"action": "recolor", "value": "#C8A26E"}
    visitor.patch(
        f"/sets/jobs/{job_id}/instances",
        changes=[{"instance_id": window.instance_id, "state": "include", "rule": own}],
    )
    walls = ("#8E9F8B", "#D8CBB5", "#3E4A61")
    ended = visitor.execute(
        job_id,
        variants=[
            {
                "name": name,
                "concepts": {"Wall": {"action": "recolor", "value": wall}},
                "overrides": [
                    {
                        "group": "bathroom",
                        "concepts": {"Tile": {"action": "recolor", "value": "#5F7F8C"}},
                    }
                ],
            }
            for name, wall in zip(("modern", "natural", "hotel"), walls, strict=True)
        ],
    )
    assert ended.status == "done"
    jobs = [job_id, *ended.variants]
    for other, wall in zip(jobs, walls, strict=True):
        assert visitor.ended(other).status == "done"
        after = results(visitor, other)
        assert near(after[0][inner(photos[0].scene.mask("Wall"))], wall)
        # Whole: of small tiles little is away from every edge.
        assert near(after[1][photos[1].scene.mask("Tile")], "#5F7F8C")
        assert near(after[0][inner(second)], "#C8A26E")
        assert not near(after[0][inner(first)], "#C8A26E")
    assert credits_left(visitor) == 10 - 3 * len(photos)
    archive = visitor.export(job_id, template="proposal3", jobs=",".join(jobs[1:]))
    manifest, names = manifest_and_names(archive)
    assert manifest["template"] == "proposal3"
    assert [each["job"] for each in manifest["jobs"]] == jobs
    assert [each["name"] for each in manifest["jobs"]] == ["modern", "natural", "hotel"]
    for photo in manifest["photos"]:
        assert [file["job"] for file in photo["files"]] == jobs
        assert photo["missing_jobs"] == []
    assert len([name for name in names if name.startswith("results/")]) == 3 * len(photos)
    assert len(manifest["sheets"]) == len(photos)


def test_a_product_in_five_colours_keeps_its_label_its_logo_and_its_gloss(stack, visitor):
    buy_pro(stack, visitor)
    photos = [product(seed) for seed in SEEDS]
    job_id = visitor.upload("seller", photos)
    for idx, photo in enumerate(photos):
        for concept in ("Body", "Label_Text", "Logo"):
            visitor.click(job_id, idx, concept, photo.scene.mask(concept))
    body = [
        {"concepts": {"Body": {"action": "recolor", "value": one}}, "name": one} for one in FIVE
    ]
    ended = visitor.execute(job_id, variants=body[:3])
    jobs = [job_id, *ended.variants]
    for one in jobs:
        assert visitor.ended(one).status == "done"
    again = visitor.post("/sets/jobs", CreatedJob, source_job_id=job_id).job_id
    ended = visitor.execute(again, variants=body[3:])
    jobs += [again, *ended.variants]
    before = [pixels(photo.data) for photo in photos]
    for one, colour in zip(jobs, FIVE, strict=True):
        assert visitor.ended(one).credits == CreditsOfJob(reserved=2, charged=2, returned=0)
        for idx, after in results(visitor, one).items():
            masks = photos[idx].scene
            assert near(after[inner(masks.mask("Body") & ~masks.mask("Gloss"))], colour)
            logo = inner(masks.mask("Logo"))
            assert np.array_equal(after[logo], before[idx][logo])
            label = masks.mask("Label_Text")
            assert np.array_equal(after[label], before[idx][label])
            # The same product, drawn in this colour, under the same light.
            truth = np.asarray(draw_product(SEEDS[idx], PRODUCT, body=rgb(colour)).image)
            difference = colour_difference(after, truth)[masks.mask("Gloss")]
            assert difference.mean() < JUST_NOTICEABLE, (idx, colour)
    assert credits_left(visitor) == 0
    archive = visitor.export(job_id, template="option_board", jobs=",".join(jobs[1:]))
    manifest, names = manifest_and_names(archive)
    assert manifest["preset"] == "seller"
    assert [each["name"] for each in manifest["jobs"]] == list(FIVE)
    assert [len(photo["files"]) for photo in manifest["photos"]] == [len(FIVE)] * len(photos)
    assert "sheets/option_board.jpg" in names


def test_canceling_in_the_middle_gives_back_what_is_not_done(visitor):
    photos = [room(seed, "living") for seed in range(6)]
    job_id = visitor.upload("interior", photos)
    for idx, photo in enumerate(photos):
        visitor.click(job_id, idx, "Floor", photo.scene.mask("Floor"), clicks=2)
    floor = {"Floor": {"action": "recolor", "value": "#C8A26E"}}
    visitor.post(f"/sets/jobs/{job_id}/execute", concepts=floor)
    for state in visitor.states(job_id):
        if state.progress.done:
            break
    canceled = visitor.post(f"/sets/jobs/{job_id}/cancel", JobAnswer)
    done = sum(item.status == "done" for item in canceled.items)
    assert canceled.status == "canceled"
    assert canceled.credits == CreditsOfJob(reserved=6, charged=done, returned=6 - done)
    assert credits_left(visitor) == 10 - done
    assert len(results(visitor, job_id)) == done
    manifest, names = manifest_and_names(visitor.export(job_id))
    assert sum(bool(photo["files"]) for photo in manifest["photos"]) == done
    assert len([name for name in names if name.startswith("results/")]) == done


def test_anonymous_work_is_kept_after_signing_in(visitor, person):
    job_id = visitor.upload("interior", [room(0, "living")])
    rule = visitor.post(
        "/sets/rules",
        RuleView,
        name="Sage",
        preset_id="interior",
        concepts={"Wall": {"action": "recolor", "value": "#8E9F8B"}},
    )
    somebody = person()
    somebody.post("/sets/auth/adopt", headers={"Authorization": visitor.authorization})
    mine = somebody.get("/sets/jobs")["results"]
    assert [job["job_id"] for job in mine] == [job_id]
    assert [each["id"] for each in somebody.get("/sets/rules")["results"]] == [rule.id]
    assert somebody.get("/sets/me")["credits"] == 9


def test_an_operator_applies_a_rule_file_to_a_folder(stack, person, tmp_path):
    photos = [room(2, "living"), room(27, "living")]
    album, out, rule = tmp_path / "album", tmp_path / "out", tmp_path / "rule.toml"
    (album / "living").mkdir(parents=True)
    clicks = []
    for photo in photos:
        (album / "living" / photo.filename).write_bytes(photo.data)
        click = next_click(np.zeros(ROOM[::-1], bool), photo.scene.mask("Floor"))
        clicks.append(
            f'[[clicks]]\nphoto = "living/{photo.filename}"\nconcept = "Floor"\n'
            f"points = [{{ x = {click.x}, y = {click.y} }}]\n"
        )
    floor = '[concepts.Floor]\naction = "recolor"\nvalue = "#C8A26E"\n'
    rule.write_text(f"protect = []\n{floor}\n" + "\n".join(clicks))
    somebody = person()
    arguments = (
        "--preset",
        "interior",
        "--rule",
        rule,
        "--out",
        out,
        "--user",
        somebody.me["email"],
    )
    done = stack.flask("sets", "apply", album, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    for photo in photos:
        after = np.asarray(Image.open((out / "living" / photo.filename).with_suffix(".png")))
        assert after.shape == (*ROOM[::-1], 3)
        assert "Floor" not in done.stdout
        assert (after != pixels(photo.data)).any()
    assert somebody.get("/sets/me")["credits"] == 8
    rule.write_text('[concepts.Floor]\naction = "melt"\n')
    refused = stack.flask("sets", "apply", album, *arguments)
    assert refused.returncode != 0
    assert "concepts.Floor.action" in refused.stderr
    assert somebody.get("/sets/me")["credits"] == 8
