"""Notifications of decided reports and of sales."""

from alembic import op

from migrations.steps import replace

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

TYPES = "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_trained', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed', 'style_outdated'"


def upgrade() -> None:
    """Apply. Older code shows such a notification by its key, without a text."""
    replace('notifications', 'type', f"{TYPES}, 'report_decided', 'style_sales')")


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM notifications WHERE type IN ('report_decided', 'style_sales')")
    replace('notifications', 'type', f"{TYPES})")
