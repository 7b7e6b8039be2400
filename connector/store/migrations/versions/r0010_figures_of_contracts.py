"""A contract states ε and δ in columns, and is counted among those that stand.

The figures are read once from the bytes that both signed. A contract that cannot be read counts as
much as a budget can, so that nothing more is promised beside it.
"""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from connector.enforcement.carried import budget
from connector.errors import PreauError
from connector.identity import agreement as documents
from connector.jsonld.policy import read_policy

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_AGREEMENT = sa.table(
    "agreement",
    *(sa.column(name) for name in ("seq", "pid", "role", "dataset_id", "document")),
    sa.column("valid_until", _TIME),
    *(sa.column(name, sa.Boolean()) for name in ("finalized", "stands")),
    *(sa.column(name, sa.Float()) for name in ("epsilon", "delta")),
)
_NEGOTIATION = sa.table("negotiation", sa.column("pid"), sa.column("state"))
_PROMISE = sa.table(
    "promise",
    sa.column("dataset_id"),
    sa.column("until", _TIME),
    *(sa.column(name) for name in ("epsilon", "delta", "contracts")),
)
_ROWS = 500  # that are held in memory at a time


def upgrade() -> None:
    for name, kind, default in (
        ("epsilon", sa.Float(), "0"),
        ("delta", sa.Float(), "0"),
        ("stands", sa.Boolean(), sa.true()),
    ):
        op.add_column("agreement", sa.Column(name, kind, nullable=False, server_default=default))
    op.create_table(
        "promise",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dataset_id", sa.String(), nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("epsilon", sa.Float(), nullable=False),
        sa.Column("delta", sa.Float(), nullable=False),
        sa.Column("contracts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("dataset_id", "until", "epsilon", "delta", name="key_promise"),
    )
    _index("agreement", "dataset_id", "role", "seq")
    _index("offer", "dataset_id", "withdrawn", "derived_from")
    _fill(op.get_bind())


def downgrade() -> None:
    _index("offer", "dataset_id")
    _index("agreement", "dataset_id")
    op.drop_table("promise")
    for name in ("epsilon", "delta", "stands"):
        op.drop_column("agreement", name)


def _index(table: str, *columns: str) -> None:
    op.drop_index(f"{table}_dataset", table_name=table)
    op.create_index(f"{table}_dataset", table, list(columns), unique=False)


def _fill(connection: sa.Connection) -> None:
    row = _AGREEMENT.c
    last = 0
    query = sa.select(row.seq, row.document).order_by(row.seq).limit(_ROWS)
    while rows := connection.execute(query.where(row.seq > last)).all():
        figures = [{"row": seq, **_figures(document)} for seq, document in rows]
        change = _AGREEMENT.update().where(row.seq == sa.bindparam("row"))
        new: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("epsilon", "delta")}
        connection.execute(change.values(new), figures)
        last = rows[-1][0]
    over = sa.exists().where(_NEGOTIATION.c.pid == row.pid, _NEGOTIATION.c.state == "TERMINATED")
    connection.execute(_AGREEMENT.update().where(~row.finalized, over).values(stands=False))
    endless = datetime(9999, 12, 31, tzinfo=None if _is_sqlite(connection) else UTC)
    until = sa.func.coalesce(row.valid_until, sa.literal(endless, _TIME))
    standing = (
        sa.select(row.dataset_id, until.label("until"), row.epsilon, row.delta)
        .where(row.role == "provider", row.stands)
        .subquery()
    )
    counted = sa.select(*standing.c, sa.func.count()).group_by(*standing.c)
    into = ["dataset_id", "until", "epsilon", "delta", "contracts"]
    connection.execute(_PROMISE.insert().from_select(into, counted))


def _figures(document: bytes) -> dict[str, float]:
    try:
        epsilon, delta = budget(read_policy(documents.read(document).policy))
    except PreauError:
        epsilon, delta = sys.float_info.max, math.nextafter(1, 0)
    return {"new_epsilon": epsilon, "new_delta": delta}


def _is_sqlite(connection: sa.Connection) -> bool:
    return connection.dialect.name == "sqlite"
