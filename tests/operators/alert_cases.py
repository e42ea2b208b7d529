"""For each alert: numbers under which it fires, and numbers under which it does not.

A number stands for three hours of it; a text is in the notation of promtool.
"""

ROUTE = 'http_request_seconds_count{route="/",status="%s"}'
FAST = 'http_request_seconds_bucket{route="/",status="200",le="0.5"}'
ALL = ROUTE % 200
BROKEN = ROUTE % 500
ENDED = 'jobs_ended_last_hour{kind="%s",state="%s"}'
PICTURES, FAILURES = ENDED % ("generation", "done"), ENDED % ("generation", "failed")
DONE, FAILED = ENDED % ("training", "done"), ENDED % ("training", "failed")
SEARCHES, NO_ANSWERS = ENDED % ("deep_search", "done"), ENDED % ("deep_search", "failed")
WAIT = 'task_wait_seconds{queue="%s",task="t"}'
SLOW = 'http_request_seconds_bucket{route="/",status="200",le="%s"}'
HOUSEKEEPING = 'housekeeping_last_success_seconds{task="%s"}'
DISK = 'node_filesystem_%s_bytes{mountpoint="%s",fstype="%s"}'
WEB = 'up{job="site",instance="web-%d"}'
BACKUP = 'backup_last_success_timestamp_seconds{kind="%s"}'
NOTIFIED = "alertmanager_notifications_failed_total"
MEMORY = 'gpu_memory_bytes{instance="a",gpu="0",kind="%s"}'

Numbers = dict[str, int | float | str]
CASES: dict[str, tuple[Numbers, Numbers]] = {
    "SiteDown": (
        {WEB % 1: 0, WEB % 2: 0},
        {WEB % 1: 0, WEB % 2: 1},  # the other one serves
    ),
    "WebDown": ({WEB % 1: 0, WEB % 2: 1}, {WEB % 1: 1, WEB % 2: 1}),
    "DatabaseDown": ({"database_up": 0}, {"database_up": 1}),
    "RelaySilent": ({"relay_last_success_seconds": 16}, {"relay_last_success_seconds": 5}),
    "LedgerViolated": ({"ledger_check_ok": 0}, {"ledger_check_ok": 1}),
    "EscrowMismatch": (
        {'ledger_violations{invariant="I5 outcome"}': 1},
        {'ledger_violations{invariant="I5 outcome"}': 0},
    ),
    "PaymentsOpen": ({'payments_open{kind="payment"}': 1}, {'payments_open{kind="payment"}': 0}),
    "LedgerUnchecked": ({HOUSEKEEPING % "check_ledger": 901}, {HOUSEKEEPING % "check_ledger": 300}),
    "HousekeepingStopped": (
        {HOUSEKEEPING % "purge_jobs": 10801},
        {HOUSEKEEPING % "prove_ledger": 90000},
    ),
    "QueueOld": ({WAIT % "image_generation": 121}, {WAIT % "uploads": 121}),
    "UploadsQueueOld": ({WAIT % "uploads": 901}, {WAIT % "uploads": 900}),
    "VerifyQueueOld": ({WAIT % "verify": 31}, {WAIT % "verify": 30}),
    "OutgoingQueueOld": ({WAIT % "outgoing": 601}, {WAIT % "outgoing": 600}),
    "MailQueueOld": ({WAIT % "mail": 1801}, {WAIT % "mail": 1800}),
    "DeepSearchesFail": ({SEARCHES: 30, NO_ANSWERS: 10}, {SEARCHES: 30, NO_ANSWERS: 7}),
    "PhotosQueueOld": ({WAIT % "editing": 1801}, {WAIT % "editing": 1800}),
    "TrainingQueueOld": ({WAIT % "model_training": 7201}, {WAIT % "model_training": 7200}),
    "SigningCertificateEnds": (
        {"content_credentials_end_timestamp_seconds": 2_000_000},
        {"content_credentials_end_timestamp_seconds": 3_000_000},
    ),
    "StuckInState": (
        {'state_age_seconds{kind="generation",state="queued"}': 1801},
        {'state_age_seconds{kind="training",state="training"}': 1801},
    ),
    "DeadLetters": ({"dead_letters": 1}, {"dead_letters": 0}),
    "WorkersLost": (
        {'jobs_workers_lost{kind="generation"}': 11},
        {'jobs_workers_lost{kind="training"}': 10},
    ),
    "JobsFail": ({DONE: 30, FAILED: 5}, {DONE: 30, FAILED: 3}),
    "TasksRaise": (
        {'task_seconds_count{task="t",outcome="raised"}': "0+1x180"},
        {'task_seconds_count{task="t",outcome="failed"}': "0+1x180"},
    ),
    "ServerErrors": ({BROKEN: "0+11x180"}, {BROKEN: "0+9x180"}),
    "SlowAnswers": (
        {SLOW % "0.5": "0+90x180", SLOW % "1": "0+100x180", SLOW % "+Inf": "0+100x180"},
        {SLOW % "0.5": "0+96x180", SLOW % "1": "0+100x180", SLOW % "+Inf": "0+100x180"},
    ),
    "WorkerDown": ({'up{job="workers",instance="a"}': 0}, {'up{job="workers",instance="a"}': 1}),
    "WorkerSick": ({'worker_sick{reason="disk"}': 1}, {'worker_sick{reason="disk"}': 0}),
    "GpuMemoryFull": (
        {MEMORY % "used": 96, MEMORY % "total": 100},
        {MEMORY % "used": 94, MEMORY % "total": 100},
    ),
    "DiskFull": (
        {
            DISK % ("avail", "/", "ext4"): 50,
            DISK % ("size", "/", "ext4"): 100,
            DISK % ("avail", "/srv", "xfs"): 9,
            DISK % ("size", "/srv", "xfs"): 100,
        },
        {
            DISK % ("avail", "/", "ext4"): 11,
            DISK % ("size", "/", "ext4"): 100,
            # Never anything else than full.
            DISK % ("avail", "/a", "squashfs"): 0,
            DISK % ("size", "/a", "squashfs"): 100,
        },
    ),
    "ExporterDown": ({'up{job="postgres"}': 0}, {'up{job="postgres"}': 1}),
    "PostgresDown": ({"pg_up": 0}, {"pg_up": 1}),
    "PostgresConnections": (
        {'pg_stat_activity_count{state="idle"}': 81, "pg_settings_max_connections": 100},
        {'pg_stat_activity_count{state="idle"}': 79, "pg_settings_max_connections": 100},
    ),
    "LogNotCopied": (
        {'pg_replication_slot_slot_is_active{slot_name="backup"}': 0},
        {'pg_replication_slot_slot_is_active{slot_name="backup"}': 1},
    ),
    # The clock of promtool begins at 0.
    "BackupOld": (
        {BACKUP % "database": -125_000, BACKUP % "files": 0},
        {BACKUP % "database": 0, BACKUP % "files": 0, BACKUP % "base": -125_000},
    ),
    "BrokerBlocked": (
        {"rabbitmq_alarms_free_disk_space_watermark": 1},
        {"rabbitmq_alarms_free_disk_space_watermark": 0},
    ),
    "RedisDown": ({"redis_up": 0}, {"redis_up": 1}),
    "AlertsNotSent": ({NOTIFIED: "0+1x180"}, {NOTIFIED: 3}),
    "ErrorsBurnFast": (
        {ALL: "0+980x180", BROKEN: "0+20x180"},
        {ALL: "0+990x180", BROKEN: "0+10x180"},
    ),
    "ErrorsBurn": ({ALL: "0+996x180", BROKEN: "0+4x180"}, {ALL: "0+998x180", BROKEN: "0+2x180"}),
    "LatencyBurnsFast": (
        {ALL: "0+100x180", FAST: "0+80x180"},
        {ALL: "0+100x180", FAST: "0+90x180"},
    ),
    "LatencyBurns": ({ALL: "0+100x180", FAST: "0+96x180"}, {ALL: "0+100x180", FAST: "0+98x180"}),
    "OrdersFailFast": ({PICTURES: 10, FAILURES: 3}, {PICTURES: 30, FAILURES: 3}),
    "OrdersFail": ({PICTURES: 96, FAILURES: 4}, {PICTURES: 98, FAILURES: 2}),
    "OrdersLate": (
        {'job_seconds{kind="generation",state="done",quantile="0.95"}': 121},
        {'job_seconds{kind="generation",state="done",quantile="0.5"}': 121},
    ),
    "MoneyUnproved": ({"ledger_check_ok": "1x100 0x2 1x78"}, {"ledger_check_ok": 1}),
}
# What is not there at all, where a part of it must be.
ABSENT: dict[str, Numbers] = {
    "RelaySilent": {"database_up": 1},
    "LedgerUnchecked": {"database_up": 1},
    "BackupOld": {'up{job="machine"}': 1, BACKUP % "files": 0},
}
# Numbers under which an alert is quiet, beside those of its case.
QUIET: dict[str, list[Numbers]] = {
    # On a cluster somebody else makes the backups, and no job `machine` is scraped.
    "BackupOld": [{}, {BACKUP % "database": -15_000, BACKUP % "files": -14_000}],
}
# Numbers under which an alert fires, beside those of its case.
LOUD: dict[str, list[Numbers]] = {
    "BackupOld": [
        {BACKUP % "database": 0, BACKUP % "files": -125_000},
        {'up{job="machine"}': 1, BACKUP % "database": 0},
        {'up{job="machine"}': 0},
        # The files that the dump names were not copied after it.
        {BACKUP % "database": -15_000, BACKUP % "files": -16_000},
    ],
}
