"""Cap and spending belong to a register of persons; datasets of the same file share one.

A register made here has the smallest cap of its datasets, and Rényi at an order that follows from
that cap alone, never from what was spent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

from connector.domain.privacy.register import own_register
from federated.privacy.rule import order_for

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_DATASET = sa.table(
    "dataset",
    *(sa.column(name) for name in ("seq", "id", "cap", "file", "register_id")),
    sa.column("published_at", sa.DateTime(timezone=True)),
)
_RESERVATION = sa.table(
    "reservation",
    *(sa.column(name) for name in ("dataset_id", "register_id", "committed_rounds")),
)
_REGISTER = sa.table(
    "register",
    *(sa.column(name) for name in ("id", "cap", "accounting", "charges")),
    sa.column("created_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    op.create_table(
        "register",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("cap", sa.Text(), nullable=True),
        sa.Column("accounting", sa.Text(), nullable=False),
        sa.Column("charges", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="key_register"),
    )
    for table in ("dataset", "reservation"):
        op.add_column(
            table, sa.Column("register_id", sa.String(), nullable=False, server_default="")
        )
        op.create_index(f"{table}_register", table, ["register_id"], unique=False)
    _fill(op.get_bind())


def downgrade() -> None:
    for table in ("dataset", "reservation"):
        op.drop_index(f"{table}_register", table_name=table)
        op.drop_column(table, "register_id")
    op.drop_table("register")


def _fill(connection: sa.Connection) -> None:
    """Give each dataset a register, those of the same file the same one."""
    rows = connection.execute(sa.select(_DATASET).order_by(_DATASET.c.seq)).mappings().all()
    groups: dict[str, list[Any]] = {}
    for row in rows:
        digest = json.loads(row["file"])["digest"]
        groups.setdefault(digest or f"none:{row['id']}", []).append(row)
    for group in groups.values():
        _register(connection, group)


def _register(connection: sa.Connection, group: list[Any]) -> None:
    register, datasets = own_register(group[0]["id"]), [row["id"] for row in group]
    for table, name in ((_DATASET, "id"), (_RESERVATION, "dataset_id")):
        connection.execute(
            table.update().where(table.c[name].in_(datasets)).values(register_id=register)
        )
    spent = sa.func.coalesce(sa.func.sum(_RESERVATION.c.committed_rounds), 0)
    charges = connection.execute(sa.select(spent).where(_RESERVATION.c.register_id == register))
    cap = _smallest(json.loads(row["cap"]) for row in group if row["cap"] is not None)
    connection.execute(
        _REGISTER.insert().values(
            id=register,
            cap=None if cap is None else json.dumps(cap, separators=(",", ":")),
            accounting=json.dumps(_accounting(cap), separators=(",", ":")),
            charges=int(charges.scalar_one()),
            created_at=min(row["published_at"] for row in group),
        )
    )


def _smallest(caps: Iterable[dict[str, float]]) -> dict[str, float] | None:
    known = list(caps)
    if not known:
        return None
    return {name: min(cap[name] for cap in known) for name in ("epsilon", "delta")}


def _accounting(cap: dict[str, float] | None) -> dict[str, Any]:
    stated = (
        {"rule": "sums", "order": 0}
        if cap is None
        else {
            "rule": "renyi",
            "order": order_for(cap["epsilon"], cap["delta"]),
        }
    )
    return {**stated, "adjacency": "add-or-remove-one"}
