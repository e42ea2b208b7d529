"""Metrics of the platform, read from its tables.

Every query is cheap at any size: it reads unfinished jobs, the last hour, or a few rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from celery_config import ROUTES, TaskName
from webapp.domain.pipelines import PIPELINES
from webapp.domain.services.heartbeats import FULL_PROOF, LEDGER, RELAY

STEPS = {step for pipeline in PIPELINES.values() for step in pipeline.steps} | {TaskName.REFUND}
# Every step with its queue, so that an empty queue has the value 0 instead of none.
ROUTED = "(VALUES {}) AS routes (queue, task)".format(
    ", ".join(f"('{ROUTES[step].value}', '{step.value}')" for step in sorted(STEPS))
)
AGE = "SELECT name, extract(epoch FROM clock_timestamp() - at) AS age FROM heartbeats"
# Each SELECT can use its own partial index; `state IN (…)` could use neither.
LIVE = """live AS (SELECT kind, ref, crashes FROM jobs WHERE state = 'queued'
                   UNION ALL SELECT kind, ref, crashes FROM jobs WHERE state = 'running')"""
# statement_timestamp() is stable and can use an index; clock_timestamp() is volatile and cannot.
ENDED = "finished_at > statement_timestamp() - interval '1 hour'"


@dataclass(frozen=True)
class Gauge:
    """One metric: its query returns the labels in this order, then the value."""

    name: str
    description: str
    labels: tuple[str, ...]
    query: str


GAUGES = (
    Gauge(
        "queue_messages",
        "Jobs at each step: waiting for a worker, delayed until a retry, running.",
        ("queue", "task", "state"),
        f"""
        SELECT queue, task, states.state, coalesce(sum(count), 0)
        FROM {ROUTED} CROSS JOIN (VALUES ('waiting'), ('delayed'), ('running')) AS states (state)
        LEFT JOIN (
            SELECT step, CASE WHEN run_at <= clock_timestamp() THEN 'waiting' ELSE 'delayed' END
                   AS state, count(*) AS count FROM jobs WHERE state = 'queued' GROUP BY 1, 2
            UNION ALL SELECT step, 'running', count(*) FROM jobs WHERE state = 'running' GROUP BY 1
        ) AS found ON found.step = task AND found.state = states.state
        GROUP BY 1, 2, 3""",
    ),
    Gauge(
        "task_wait_seconds",
        "How long the job that has waited longest for a worker has waited.",
        ("queue", "task"),
        f"""
        SELECT queue, task, coalesce(extract(epoch FROM clock_timestamp() - min(run_at)), 0)
        FROM {ROUTED}
        LEFT JOIN jobs ON step = task AND state = 'queued' AND run_at <= clock_timestamp()
        GROUP BY 1, 2""",
    ),
    Gauge(
        "state_age_seconds",
        "How long what has been longest in an unfinished state has been in it.",
        ("kind", "state"),
        f"""
        WITH {LIVE}
        SELECT kind, status, extract(epoch FROM clock_timestamp() - min(updated_at))
        FROM live JOIN generations ON kind = 'generation' AND generations.id = ref GROUP BY 1, 2
        UNION ALL
        SELECT kind, training_status, extract(epoch FROM clock_timestamp() - min(updated_at))
        FROM live JOIN training_runs ON kind = 'training' AND training_runs.id = ref
                  JOIN styles ON styles.id = style_id GROUP BY 1, 2
        UNION ALL
        SELECT kind, status, extract(epoch FROM clock_timestamp() - min(sets_photos.updated_at))
        FROM live JOIN sets_edits ON kind = 'photo_edit' AND sets_edits.id = ref
                  JOIN sets_photos ON sets_photos.id = photo_id GROUP BY 1, 2
        UNION ALL
        SELECT kind, status, extract(epoch FROM clock_timestamp() - min(created_at))
        FROM live JOIN sets_segmentations ON kind = 'segmentation' AND sets_segmentations.id = ref
        GROUP BY 1, 2""",
    ),
    Gauge(
        "sets_photos",
        "Photos of the jobs of Sets that have not ended, by state.",
        ("status",),
        """
        SELECT sets_photos.status, count(*)
        FROM sets_jobs JOIN sets_photos ON job_id = sets_jobs.id
        WHERE sets_jobs.status IN ('created', 'uploaded', 'queued', 'running') GROUP BY 1""",
    ),
    Gauge(
        "jobs_ended_last_hour",
        "Jobs that ended within the last hour.",
        ("kind", "state"),
        f"SELECT kind, state, count(*) FROM jobs WHERE {ENDED} GROUP BY 1, 2",
    ),
    Gauge(
        "job_seconds",
        "Time from order to end of the jobs that ended within the last hour.",
        ("kind", "state", "quantile"),
        f"""
        SELECT kind, state, quantile,
               percentile_cont(quantile) WITHIN GROUP (
                   ORDER BY extract(epoch FROM finished_at - created_at))
        FROM jobs CROSS JOIN (VALUES (0.5::float8), (0.95)) AS quantiles (quantile)
        WHERE {ENDED} GROUP BY 1, 2, 3""",
    ),
    Gauge(
        "jobs_workers_lost",
        "Leases that ran out, of jobs that are unfinished or ended within the last hour.",
        ("kind",),
        f"""
        WITH {LIVE}
        SELECT kind, sum(crashes)
        FROM (SELECT kind, crashes FROM live
              UNION ALL SELECT kind, crashes FROM jobs WHERE {ENDED}) AS recent
        GROUP BY 1""",
    ),
    Gauge(
        "escrow_tokens",
        "Tokens held for images that are not finished.",
        (),
        f"""
        WITH {LIVE}
        SELECT coalesce(sum(price_tokens), 0)
        FROM live JOIN generations ON kind = 'generation' AND generations.id = ref""",
    ),
    Gauge(
        "payments_open",
        "Payments and refunds whose result at the provider is not known yet.",
        ("kind",),
        """
        SELECT 'payment', count(*) FROM purchases WHERE status = 'authorized'
        UNION ALL
        SELECT 'refund', count(*) FROM purchases WHERE status = 'paid' AND refund_key IS NOT NULL
        """,
    ),
    Gauge(
        "webhooks_queued",
        "Messages of webhooks that are not delivered yet, those that are tried again too.",
        (),
        "SELECT count(*) FROM webhook_deliveries WHERE status = 'queued'",
    ),
    Gauge(
        "webhook_age_seconds",
        "Age of the oldest message of a webhook that is not delivered yet.",
        (),
        """
        SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)
        FROM webhook_deliveries WHERE status = 'queued'""",
    ),
    Gauge(
        "relay_last_success_seconds",
        "Time since the relay last published all due jobs.",
        (),
        f"SELECT age FROM ({AGE}) AS ages WHERE name = '{RELAY}'",
    ),
    Gauge(
        "dead_letters",
        "Messages in the dead-letter queue when the relay last counted them.",
        (),
        f"SELECT (numbers ->> 'dead_letters')::int FROM heartbeats WHERE name = '{RELAY}'",
    ),
    Gauge(
        "housekeeping_last_success_seconds",
        "Time since a housekeeping task last succeeded.",
        ("task",),
        f"""
        SELECT name, age FROM ({AGE}) AS ages
        WHERE name NOT IN ('{RELAY}', '{LEDGER}', '{FULL_PROOF}')""",
    ),
    Gauge(
        "ledger_check_ok",
        "Whether the last ledger check and the last full proof found no violation.",
        (),
        f"""
        SELECT min((NOT EXISTS (SELECT 1 FROM jsonb_each_text(numbers) WHERE value <> '0'))::int)
        FROM heartbeats WHERE name IN ('{LEDGER}', '{FULL_PROOF}')
        HAVING bool_or(name = '{LEDGER}')""",
    ),
    Gauge(
        "ledger_violations",
        "Violations that the last ledger check or the last full proof found.",
        ("invariant",),
        f"""
        SELECT key, max(value::int) FROM heartbeats CROSS JOIN jsonb_each_text(numbers)
        WHERE name IN ('{LEDGER}', '{FULL_PROOF}') GROUP BY key""",
    ),
)


def measure(session: Session) -> Iterator[tuple[Gauge, list[tuple[list[str], float]]]]:
    """Yield every gauge with its rows of label values and number."""
    for gauge in GAUGES:
        rows = session.execute(text(gauge.query)).all()
        yield gauge, [([str(label) for label in row[:-1]], float(row[-1])) for row in rows]


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """The jobs at one step: how many wait, are delayed and run, and how long the oldest waits."""

    queue: str
    task: str
    waiting: int
    delayed: int
    running: int
    wait_seconds: int


def queues(session: Session) -> list[QueueDepth]:
    """Return the depth of every step, by queue and task."""
    gauges = {gauge.name: gauge for gauge in GAUGES}
    waits = {
        row.task: float(row[-1]) for row in session.execute(text(gauges["task_wait_seconds"].query))
    }
    depths: dict[tuple[str, str], dict[str, int]] = {}
    for queue, task, state, count in session.execute(text(gauges["queue_messages"].query)):
        depths.setdefault((queue, task), {})[state] = int(count)
    return [
        QueueDepth(
            queue=queue,
            task=task,
            waiting=states["waiting"],
            delayed=states["delayed"],
            running=states["running"],
            wait_seconds=int(waits[task]),
        )
        for (queue, task), states in sorted(depths.items())
    ]
