"""The command line: `flask --app webapp.app …`, one file per noun."""

from webapp.cli.accounts import admin, user
from webapp.cli.generations import generation
from webapp.cli.jobs import jobs, sweep
from webapp.cli.ledger import ledger
from webapp.cli.licenses import license as license_group
from webapp.cli.preparation import prepare, restored
from webapp.cli.provenance import provenance
from webapp.cli.sets import sets
from webapp.cli.styles import style
from webapp.cli.tasks import task
from webapp.cli.verifications import verify

COMMANDS = (
    admin,
    generation,
    jobs,
    ledger,
    license_group,
    prepare,
    provenance,
    restored,
    sets,
    style,
    sweep,
    task,
    user,
    verify,
)
