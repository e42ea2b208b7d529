import re
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import update

from celery_config import ROUTES, TaskName
from tests import making
from tests.database import at_once
from webapp.domain import pipelines
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.job import JobKind
from webapp.domain.models.style import Style, TrainingStatus
from webapp.domain.pipelines import PIPELINES

# The arrows of docs/pipelines.md, written once more and independently of the code.
GENERATIONS = {
    ("queued", "processing"),
    ("queued", "canceled"),
    ("queued", "failed"),  # out of time before anybody began
    ("processing", "completed"),
    ("processing", "retrying"),
    ("processing", "failed"),
    ("retrying", "processing"),
    ("retrying", "failed"),
}
STYLES = {
    ("pending", "training"),
    ("pending", "failed"),
    ("training", "completed"),
    ("pending", "trained"),
    ("training", "trained"),
    ("trained", "completed"),
    ("trained", "pending"),
    ("completed", "pending"),
    ("training", "failed"),
    ("training", "pending"),
    ("failed", "pending"),
}


def put(session, model, row, **columns):
    session.execute(update(model).where(model.id == row.id).values(**columns))


@pytest.mark.parametrize("start", list(GenerationStatus))
def test_a_generation_moves_only_as_documented(session, start):
    row = making.generation(session)
    for to in GenerationStatus:
        put(session, Generation, row, status=start, image_key="k", image_sha256="a" * 64)
        moved = pipelines.advance_generation(session, row.id, to)
        assert (moved is not None) == ((start, to) in GENERATIONS), (start, to)
        session.refresh(row)
        assert row.status == (to if moved else start)


@pytest.mark.parametrize("start", list(TrainingStatus))
def test_a_style_moves_only_as_documented(session, start):
    row = making.style(session)
    for to in TrainingStatus:
        put(session, Style, row, training_status=start)
        moved = pipelines.advance_style(session, row.id, to)
        assert moved == ((start, to) in STYLES), (start, to)
        session.refresh(row)
        assert row.training_status == (to if moved else start)


def test_the_map_and_the_documents_name_the_same_arrows():
    def arrows(transitions):
        return {
            (start, to) for start, to in product(transitions, repeat=2) if to in transitions[start]
        }

    assert arrows(pipelines.GENERATION_TRANSITIONS) == GENERATIONS
    assert arrows(pipelines.STYLE_TRANSITIONS) == STYLES


@pytest.mark.parametrize("heading, arrows", [("## Training", STYLES), ("## Images", GENERATIONS)])
def test_the_diagrams_of_the_documents_show_every_arrow_and_no_other(heading, arrows):
    text = Path("docs/pipelines.md").read_text(encoding="utf-8")
    diagram = text[text.index(heading) :].split("stateDiagram-v2")[1].split("```")[0]
    assert set(re.findall(r"(\w+) --> (\w+)", diagram)) == arrows


def test_final_states_of_a_generation_lead_nowhere():
    for final in ("completed", "failed", "canceled"):
        assert not pipelines.GENERATION_TRANSITIONS[GenerationStatus(final)]


def test_an_advance_sets_its_columns_in_the_same_statement_or_none(session):
    row = making.generation(session)
    assert pipelines.advance_generation(session, row.id, "retrying", failure_cause="X") is None
    moved = pipelines.advance_generation(session, row.id, "processing", progress={"a": 1})

    assert (moved.status, moved.progress, moved.failure_cause) == ("processing", {"a": 1}, None)
    assert moved.updated_at > moved.created_at


def test_of_many_who_end_an_image_one_does(committed):
    with committed.begin() as session:
        row = making.generation(session)
        put(session, Generation, row, status="processing")

    def end(to):
        def run():
            with committed.begin() as mine:
                values = {"image_key": "k", "image_sha256": "a" * 64}
                return pipelines.advance_generation(mine, row.id, to, **values)

        return run

    moved = at_once(*[end(GenerationStatus.COMPLETED), end(GenerationStatus.FAILED)] * 5)

    assert sum(found is not None for found in moved) == 1


@pytest.mark.parametrize("kind", list(JobKind))
def test_a_gpu_step_is_one_of_its_pipeline_and_all_steps_have_a_queue(kind):
    pipeline = PIPELINES[kind]
    assert pipeline.gpu_step is None or pipeline.gpu_step in pipeline.steps
    assert all(step in ROUTES for step in pipeline.steps)
    assert len(set(pipeline.steps)) == len(pipeline.steps)


def test_the_chains_are_the_documented_ones():
    assert PIPELINES[JobKind.GENERATION].steps == (
        TaskName.RENDER_IMAGES,
        TaskName.STAMP_SIGNATURE,
        TaskName.DELIVER_GENERATION,
    )
    assert PIPELINES[JobKind.TRAINING].first is TaskName.VALIDATE_UPLOADS
    assert PIPELINES[JobKind.TRAINING].after(TaskName.TRAIN_STYLE) is TaskName.PUBLISH_STYLE
    assert PIPELINES[JobKind.TRAINING].after(TaskName.PUBLISH_STYLE) is None
