"""`python -m tasks.remote`: a style is trained and images are drawn by a GPU outside our broker."""

import subprocess

import httpx
import pytest

from gpu.signature.embed import read_provenance
from tests.processes import PYTHON, ROOT
from tests.stack import OUTSIDE
from tests.stack_fixtures import told_to, works
from tests.waiting import wait_for


@pytest.fixture
def outside(stack):
    """The running product; its only GPU stands outside, without our packages and secrets."""
    stack.use_engine(OUTSIDE)
    return stack


JOB = (
    "SELECT state, tries, crashes, checkpoint_key FROM jobs"
    " JOIN training_runs ON training_runs.id = jobs.ref"
    " WHERE kind = 'training' AND style_id = :id"
)
IMPORT_EACH = """
import importlib
for name in {names}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert "is not on this machine" in str(error)
    else:
        raise AssertionError(name)
"""


def test_the_rented_machine_has_none_of_our_secrets_and_packages(outside):
    told = dict(outside.gpu.environment)
    ours = {"DATABASE_URL", "BROKER_URL", "STORAGE_URL", "SECRET_KEY", "REDIS_URL"}
    assert ours <= set(outside.environment)
    assert not ours & set(told)
    del told["TINY_MODEL_FOLDER"]
    names = ["celery", "kombu", "sqlalchemy", "psycopg2", "flask", "minio", "redis", "webapp"]
    done = subprocess.run(
        [PYTHON, "-c", IMPORT_EACH.format(names=names)],
        env=told,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_photos_become_signed_and_paid_images_over_http_alone(outside, person):
    artist, buyer = person("Mina"), person("Jun")
    artist.become_artist("Mina Park")
    style_id = artist.create_style("Far Harbor", works(10, seed=7))["id"]
    artist.on_sale(style_id)
    [training] = outside.rows(JOB, id=style_id)
    assert (training.tries, training.crashes) == (0, 0)

    ordered = buyer.order(style_id, count=2).json()["data"]["batch"]["generation_ids"]
    for generation_id in ordered:
        done = buyer.final(generation_id)
        assert done["status"] == "completed", done["failure"]
        image = buyer.http.get(f"/api/v1/generations/{generation_id}/image")
        written = read_provenance(image.content)
        assert (written.creator, written.generation_id) == (artist.artist_name, generation_id)
        certificate = httpx.get(f"{outside.site}/l/{done['license']['public_id']}")
        assert "Far Harbor" in certificate.text
    assert artist.balance()["earned_token_balance"] == 20
    assert buyer.balance()["token_balance"] == 80
    assert told_to(outside, buyer) == {"generation_complete": 1}  # of the order


# Of a worker at our broker `make test` checks both: tests/tasks/on_gpu/test_training_faults.py.
@pytest.mark.long
def test_one_told_to_leave_puts_its_training_back_and_uses_nothing_up(outside, person):
    artist = person("Ada")
    artist.become_artist("Ada Okafor")
    style_id = artist.create_style("Left Early", works(10, seed=9))["id"]
    wait_for(
        lambda: outside.rows(JOB, id=style_id)[0].checkpoint_key,
        "the first checkpoint",
        seconds=60,
        explain=outside.tails,
    )
    outside.gpu.stop()
    [left] = outside.rows(JOB, id=style_id)
    outside.gpu.start()
    assert b"remote worker left" in outside.gpu.log.read_bytes()
    assert (left.state, left.tries, left.crashes) == ("queued", 0, 0)
    assert artist.trained(style_id)["training_status"] == "trained"
    [done] = outside.rows(JOB, id=style_id)
    assert (done.tries, done.crashes) == (0, 0)


@pytest.mark.long
def test_a_killed_one_loses_its_lease_and_another_goes_on(outside, person):
    artist = person("Theo")
    artist.become_artist("Theo Lindqvist")
    with outside.gpu.dies_at("mid_training"):
        style_id = artist.create_style("Lost Lines", works(10, seed=8))["id"]
    outside.expire_leases()
    assert artist.trained(style_id)["training_status"] == "trained"
    [job] = outside.rows(JOB, id=style_id)
    assert (job.tries, job.crashes) == (0, 1)
