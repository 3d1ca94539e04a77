"""The first tables. MariaDB takes back no table that is made, so what a killed call left is gone on with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = depends_on = None

_TIME, _NAME, _STATUS, _HASH, _PARTITION, _RUN = map(sa.String, (27, 100, 20, 64, 20, 100))


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", _RUN, primary_key=True),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("started", _TIME, nullable=False),
        sa.Column("ended", _TIME),
        sa.Column("status", _STATUS, nullable=False),
        sa.Column("note", sa.Text),
        if_not_exists=True,
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run_id", _RUN, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("task", _NAME, nullable=False),
        sa.Column("partition", _PARTITION, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("fingerprint", _HASH, nullable=False),
        sa.Column("status", _STATUS, nullable=False),
        sa.Column("started", _TIME, nullable=False),
        sa.Column("ended", _TIME),
        sa.Column("exit_status", sa.Integer),
        sa.Column("error", sa.Text),
        sa.Column("engine", _STATUS),
        sa.Column("version", _NAME),
        sa.Column("tasks", sa.Integer),
        sa.Column("objects", sa.BigInteger),
        sa.Column("bytes", sa.BigInteger),
        sa.Column("readings", sa.BigInteger),
        sa.Column("rejects", sa.BigInteger),
        sa.Column("seconds", sa.Double),
        sa.Column("cost", sa.Double),
        sa.Column("published_run", _RUN),
        if_not_exists=True,
    )
    op.create_index("attempts_of_a_partition", "attempts", ["task", "partition"], if_not_exists=True)
    op.create_index("attempts_of_a_run", "attempts", ["run_id"], if_not_exists=True)
    op.create_table(
        "partitions",
        sa.Column("task", _NAME, primary_key=True),
        sa.Column("partition", _PARTITION, primary_key=True),
        sa.Column("starts", _TIME, nullable=False),
        sa.Column("ends", _TIME, nullable=False),
        sa.Column("output", sa.Text, nullable=False),
        sa.Column("fingerprint", _HASH, nullable=False),
        sa.Column("content", _HASH, nullable=False),
        sa.Column("published_run", _RUN, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("published", _TIME, nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("readings", sa.BigInteger, nullable=False),
        sa.Column("rejects", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.Double),
        sa.Column("planned_cost", sa.Double),
        sa.Column("pruned", _TIME),
        if_not_exists=True,
    )
    op.create_table(
        "objects",
        sa.Column("id", _HASH, primary_key=True),
        sa.Column("source", _NAME, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("arrived", sa.Date),
        sa.Column("pin", _NAME, nullable=False),
        sa.Column("learned", _NAME),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("first_seen", _TIME, nullable=False),
        sa.Column("seen_by", sa.BigInteger, nullable=False),
        sa.Column("gone_by", sa.BigInteger),
        sa.Column("damage", sa.Text),
        if_not_exists=True,
    )
    op.create_index("objects_of_a_source", "objects", ["source"], if_not_exists=True)
    op.create_table(
        "object_days",
        sa.Column("object_id", _HASH, sa.ForeignKey("objects.id"), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("hours", sa.Integer, nullable=False),
        sa.Column("readings", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_index("objects_of_a_day", "object_days", ["day"], if_not_exists=True)
    op.create_table(
        "leases",
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("owner", sa.String(255)),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "alerts",
        sa.Column("id", _HASH, primary_key=True),
        sa.Column("kind", _STATUS, nullable=False),
        sa.Column("task", _NAME, nullable=False),
        sa.Column("partition", _PARTITION, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("raised", _TIME, nullable=False),
        sa.Column("told", sa.Text, nullable=False),
        sa.Column("cleared", _TIME),
        if_not_exists=True,
    )


def downgrade() -> None:
    for name in ("alerts", "leases", "object_days", "objects", "partitions", "attempts", "runs"):
        op.drop_table(name)
