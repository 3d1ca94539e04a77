"""In a ledger that was used already the names of files are absolute: the folder that they may be moved with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table(
        "origins",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("folder", sa.Text, nullable=False),
        if_not_exists=True,
    )
    origins = sa.table("origins", sa.column("id"), sa.column("folder"))
    connection, folder = op.get_bind(), context.config.attributes["folder"]
    is_used = connection.execute(sa.text("SELECT 1 FROM runs LIMIT 1")).first() is not None
    if is_used and folder and connection.execute(sa.select(origins.c.id)).first() is None:
        connection.execute(origins.insert().values(id=1, folder=folder))


def downgrade() -> None:
    op.drop_table("origins")
