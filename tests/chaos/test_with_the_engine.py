"""The real engine killed in the middle of its work: another worker goes on or begins again."""

import json

import pytest

from tests.chaos.invariants import broken
from tests.stack import REAL_ENGINE
from tests.stack_fixtures import told_to, works
from tests.waiting import wait_for

RUN = "SELECT * FROM training_runs WHERE style_id = :id"


@pytest.mark.long
def test_a_killed_training_resumes_and_gives_the_same_style_as_an_undisturbed_one(
    stack, person, tmp_path
):
    stack.use_engine(REAL_ENGINE)
    artist = person("Theo")
    artist.become_artist("Theo Lindqvist")
    style_id = artist.create_style("Quiet Lines", works(10, seed=5))["id"]
    wait_for(
        lambda: stack.rows(RUN, id=style_id)[0].checkpoint_key,
        "the first checkpoint",
        seconds=120,
        explain=stack.tails,
    )
    with stack.gpu.dies_at("mid_training"):
        pass
    known = len(stack.rows(RUN, id=style_id)[0].loss_history)
    stack.expire_leases()

    done = artist.trained(style_id)
    assert done["training_status"] == "trained", done["failure"]
    [run] = stack.rows(RUN, id=style_id)
    resumed_at = run.loss_history[known]["step"]
    assert resumed_at > 1, "the training began anew"
    assert (
        stack.value("SELECT crashes FROM jobs WHERE kind = 'training' AND ref = :id", id=run.id)
        == 1
    )
    assert told_to(stack, artist) == {"style_trained": 1}
    assert run.adapter_sha256 == undisturbed(stack, run, tmp_path)
    assert broken(stack) == []


def undisturbed(stack, run, folder) -> str:
    """The hash of the adapter that the same training gives in one go."""
    found = []
    for work in stack.rows(
        "SELECT clean_key, tags FROM artworks WHERE style_id = :id AND status = 'valid'"
        " ORDER BY idx",
        id=run.style_id,
    ):
        path = folder / work.clean_key.replace("/", "-")
        path.write_bytes(stack.storage.get(work.clean_key))
        found.append({"path": str(path), "tags": work.tags})
    [style] = stack.rows("SELECT trigger, license_type FROM styles WHERE id = :id", id=run.style_id)
    job = folder / "job.json"
    metadata = {"style_id": str(run.style_id), "license": style.license_type}
    job.write_text(
        json.dumps(
            {"works": found, "trigger": style.trigger, "seed": run.seed, "metadata": metadata}
        )
    )
    done = stack.python("-m", "tests.chaos.undisturbed", str(job), seconds=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


# `make test` kills a worker that pretends to draw: tests/chaos/test_kills.py.
@pytest.mark.long
def test_a_gpu_worker_killed_in_the_middle_of_a_rendering_begins_it_again(stack, trained, person):
    stack.use_engine(REAL_ENGINE)
    buyer = person()
    with stack.gpu.dies_at("mid_render"):
        ordered = buyer.order(trained.id, aspect_ratio="2:2").json()["data"]["id"]
    assert buyer.final(ordered)["status"] == "completed"
    crashes = stack.value(
        "SELECT crashes FROM jobs WHERE kind = 'generation' AND ref = :id", id=ordered
    )
    assert crashes >= 1  # on a busy machine the real engine may also outlive its short lease
    assert broken(stack) == []
