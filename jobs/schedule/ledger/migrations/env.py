"""What Alembic runs to migrate: on the connection that the ledger hands over."""

from __future__ import annotations

from alembic import context

from jobs.schedule.ledger.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
