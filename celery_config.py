"""Configuration of Celery: app, queues, task names, routes, limits and beat schedule.

A worker imports the tasks of its pool only, so a GPU worker needs no database:
`celery -A celery_config worker -P prefork -I tasks.on_gpu -c 1 -Q image_generation`.
A message contains the id of a job; the row in PostgreSQL is the job. So there is no result backend.
"""

from enum import StrEnum

from celery import Celery
from celery.schedules import crontab
from celery.signals import setup_logging
from kombu import Exchange, Queue
from pydantic_settings import BaseSettings, SettingsConfigDict

import logs


class QueueName(StrEnum):
    """Every queue; the first group is served by CPU pools, the second by GPU pools.

    Untrusted files are only decoded on `uploads`, which has a pool of its own: slow files delay
    other uploads only. So have the searches on `verify`, which strangers may ask for, what is
    sent to servers of others on `outgoing`, and mails on `mail`: one that is slow delays nothing
    else.
    """

    DEFAULT = "default"
    UPLOADS = "uploads"
    VERIFY = "verify"
    OUTGOING = "outgoing"
    MAIL = "mail"
    STAMPING = "stamping"
    EDITING = "editing"
    MONEY = "money"
    HOUSEKEEPING = "housekeeping"

    MODEL_TRAINING = "model_training"
    IMAGE_GENERATION = "image_generation"
    SEGMENTATION = "segmentation"


CPU_QUEUES = (
    QueueName.DEFAULT,
    QueueName.UPLOADS,
    QueueName.VERIFY,
    QueueName.OUTGOING,
    QueueName.MAIL,
    QueueName.STAMPING,
    QueueName.EDITING,
    QueueName.MONEY,
    QueueName.HOUSEKEEPING,
)
GPU_QUEUES = (QueueName.MODEL_TRAINING, QueueName.IMAGE_GENERATION, QueueName.SEGMENTATION)
DEAD_LETTERS = "dead_letters"
# Messages over the delivery limit, for operators; not consumed. The relay declares it.
DEAD_LETTER_QUEUE = Queue(
    DEAD_LETTERS,
    Exchange(DEAD_LETTERS, type="fanout"),
    queue_arguments={"x-queue-type": "quorum"},
)


class TaskName(StrEnum):
    """Every task."""

    VALIDATE_UPLOADS = "validate_uploads"
    TRAIN_STYLE = "train_style"
    PUBLISH_STYLE = "publish_style"
    RENDER_IMAGES = "render_images"
    STAMP_SIGNATURE = "stamp_signature"
    DELIVER_GENERATION = "deliver_generation"
    CHECK_PHOTO = "check_photo"
    SEGMENT_PHOTOS = "segment_photos"
    RECORD_MASKS = "record_masks"
    APPLY_RULES = "apply_rules"
    FINISH_PHOTO = "finish_photo"
    EXPORT_SET = "export_set"
    EXPORT_DATA = "export_data"
    PREVIEW_ARTWORK = "preview_artwork"
    SEARCH_WATERMARK = "search_watermark"
    SEND_MAIL_DIGEST = "send_mail_digest"
    DELIVER_WEBHOOK = "deliver_webhook"
    REFUND = "refund"
    COLLECT_GARBAGE = "collect_garbage"
    CHECK_LEDGER = "check_ledger"
    PROVE_LEDGER = "prove_ledger"
    PURGE_EXPIRED = "purge_expired"
    PURGE_NOTIFICATIONS = "purge_notifications"
    PURGE_DEEP_SEARCHES = "purge_deep_searches"
    PURGE_JOBS = "purge_jobs"
    SWEEP_SETS = "sweep_sets"
    NOTIFY_SALES = "notify_sales"
    QUEUE_MAIL_DIGESTS = "queue_mail_digests"
    EXPIRE_PURCHASES = "expire_purchases"
    RECONCILE_PAYMENTS = "reconcile_payments"
    RECOUNT_COUNTERS = "recount_counters"
    SWEEP_JOBS = "sweep_jobs"


ROUTES: dict[TaskName, QueueName] = {
    TaskName.VALIDATE_UPLOADS: QueueName.UPLOADS,
    TaskName.TRAIN_STYLE: QueueName.MODEL_TRAINING,
    TaskName.PUBLISH_STYLE: QueueName.STAMPING,
    TaskName.RENDER_IMAGES: QueueName.IMAGE_GENERATION,
    TaskName.STAMP_SIGNATURE: QueueName.STAMPING,
    TaskName.DELIVER_GENERATION: QueueName.MONEY,
    TaskName.CHECK_PHOTO: QueueName.UPLOADS,
    TaskName.SEGMENT_PHOTOS: QueueName.SEGMENTATION,
    TaskName.RECORD_MASKS: QueueName.EDITING,
    TaskName.APPLY_RULES: QueueName.EDITING,
    TaskName.FINISH_PHOTO: QueueName.MONEY,
    TaskName.EXPORT_SET: QueueName.EDITING,
    TaskName.EXPORT_DATA: QueueName.EDITING,
    TaskName.PREVIEW_ARTWORK: QueueName.EDITING,
    TaskName.SEARCH_WATERMARK: QueueName.VERIFY,
    TaskName.SEND_MAIL_DIGEST: QueueName.MAIL,
    TaskName.DELIVER_WEBHOOK: QueueName.OUTGOING,
    TaskName.REFUND: QueueName.MONEY,
    TaskName.COLLECT_GARBAGE: QueueName.HOUSEKEEPING,
    TaskName.CHECK_LEDGER: QueueName.HOUSEKEEPING,
    TaskName.PROVE_LEDGER: QueueName.HOUSEKEEPING,
    TaskName.PURGE_EXPIRED: QueueName.HOUSEKEEPING,
    TaskName.PURGE_NOTIFICATIONS: QueueName.HOUSEKEEPING,
    TaskName.PURGE_DEEP_SEARCHES: QueueName.HOUSEKEEPING,
    TaskName.PURGE_JOBS: QueueName.HOUSEKEEPING,
    TaskName.SWEEP_SETS: QueueName.HOUSEKEEPING,
    TaskName.NOTIFY_SALES: QueueName.HOUSEKEEPING,
    TaskName.QUEUE_MAIL_DIGESTS: QueueName.HOUSEKEEPING,
    TaskName.EXPIRE_PURCHASES: QueueName.HOUSEKEEPING,
    TaskName.RECONCILE_PAYMENTS: QueueName.HOUSEKEEPING,
    TaskName.RECOUNT_COUNTERS: QueueName.HOUSEKEEPING,
    TaskName.SWEEP_JOBS: QueueName.HOUSEKEEPING,
}


class BrokerSettings(BaseSettings):
    """The address of the broker."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    broker_url: str


def _durable(name: QueueName) -> Queue:
    """Return a quorum queue that dead-letters a message after five deliveries."""
    return Queue(
        name.value,
        Exchange(name.value, type="direct"),
        routing_key=name.value,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": 5,
            # Without a dead-letter exchange RabbitMQ drops messages over the limit.
            "x-dead-letter-exchange": DEAD_LETTERS,
        },
    )


# Soft and hard time limits in seconds, where they are not those of all tasks.
TIME_LIMITS = {
    # A slice ends by itself after `training_slice_seconds`; these limits are a safety net.
    TaskName.TRAIN_STYLE: (1500, 1800),
    # Up to 200 large photos are read twice, for the files and for the sheets.
    TaskName.EXPORT_SET: (1500, 1800),
    TaskName.SEARCH_WATERMARK: (20, 30),
    # Within its lease: a mail that takes longer may not be sent again.
    TaskName.SEND_MAIL_DIGEST: (90, 110),
    # A request ends by itself after 15 seconds.
    TaskName.DELIVER_WEBHOOK: (40, 60),
}
# What beat publishes: every so many seconds, or at times of UTC.
SCHEDULE: dict[TaskName, float | crontab] = {
    TaskName.COLLECT_GARBAGE: 3600.0,
    TaskName.CHECK_LEDGER: 300.0,
    # Each run continues the pass of the night, until it is complete.
    TaskName.PROVE_LEDGER: crontab(hour="16-21", minute="10,40"),
    TaskName.PURGE_EXPIRED: 3600.0,
    TaskName.PURGE_NOTIFICATIONS: 3600.0,
    TaskName.PURGE_DEEP_SEARCHES: 300.0,
    TaskName.PURGE_JOBS: 3600.0,
    TaskName.SWEEP_SETS: 300.0,
    TaskName.NOTIFY_SALES: 3600.0,
    TaskName.QUEUE_MAIL_DIGESTS: 300.0,
    TaskName.EXPIRE_PURCHASES: 60.0,
    # 03:30 in Seoul, the time zone of the provider.
    TaskName.RECONCILE_PAYMENTS: crontab(hour="18", minute="30"),
    # Each run continues the pass of the night, until it is complete.
    TaskName.RECOUNT_COUNTERS: crontab(hour="3-8", minute="20,50"),
    TaskName.SWEEP_JOBS: 60.0,
}


def make_celery(broker_url: str) -> Celery:
    """Return the app for one broker; it opens no connection."""
    celery = Celery("style_license", broker=broker_url)
    is_redis = broker_url.startswith("redis")
    celery.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # With a result store down, a tracked task would be acknowledged and never run.
        task_track_started=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_send_task_events=True,
        task_send_sent_event=True,
        worker_soft_shutdown_timeout=20,
        worker_enable_soft_shutdown_on_idle=True,
        worker_hijack_root_logger=False,
        # A rendering child loads its base model before it reports that it is up.
        worker_proc_alive_timeout=300,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_heartbeat=30,
        broker_transport_options=(
            {"visibility_timeout": 3600}
            if is_redis
            else {"confirm_publish": True, "read_timeout": 5, "write_timeout": 5}
        ),
        task_create_missing_queues=False,
        task_default_queue=QueueName.DEFAULT.value,
        task_queues=[_durable(name) for name in QueueName],
        task_routes={task.value: {"queue": queue.value} for task, queue in ROUTES.items()},
        task_soft_time_limit=540,
        task_time_limit=600,
        task_annotations={
            task.value: {"soft_time_limit": soft, "time_limit": hard}
            for task, (soft, hard) in TIME_LIMITS.items()
        },
        beat_schedule={
            task.value: {"task": task.value, "schedule": schedule}
            for task, schedule in SCHEDULE.items()
        },
    )
    return celery


@setup_logging.connect  # type: ignore[untyped-decorator]
def start_logs(**_: object) -> None:
    """Configure logging of workers and beat like that of all other processes."""
    logs.start()


def __getattr__(name: str) -> Celery:
    """Create `app` on first use, so that the enums can be imported without BROKER_URL."""
    if name != "app":
        raise AttributeError(name)
    app = make_celery(BrokerSettings().broker_url)
    globals()["app"] = app
    return app
