"""A job's reservation states what a round releases as a list of events, whatever the mechanism.

Until then it had columns of one mechanism. A row whose figures no job can have stays unreadable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op

from connector.domain.privacy.budget import STEPS, from_steps
from connector.store.mapping import SPOILED, to_column
from federated.privacy.event import Events

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_RESERVATION = sa.table(
    "reservation", *(sa.column(name) for name in ("seq", *STEPS, "events", "rounds"))
)
_ROWS = 500  # that are held in memory at a time


def upgrade() -> None:
    op.add_column("reservation", sa.Column("events", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "reservation", sa.Column("rounds", sa.BigInteger(), nullable=False, server_default="0")
    )
    _fill(op.get_bind())
    with _rebuilt() as table:
        for name in STEPS:
            table.drop_column(name)
        table.create_check_constraint("within_reservation", "committed_rounds <= rounds")


def downgrade() -> None:
    """Return to columns of one mechanism.

    Raises:
        ValueError: a job has another one.
    """
    for name in STEPS[:2]:
        op.add_column("reservation", sa.Column(name, sa.Float(), server_default="0"))
    for name in STEPS[2:]:
        op.add_column("reservation", sa.Column(name, sa.BigInteger(), server_default="0"))
    _empty(op.get_bind())
    with _rebuilt() as table:
        table.drop_column("events")
        table.drop_column("rounds")
        for name in STEPS:
            table.alter_column(name, nullable=False, server_default=None)
        table.create_check_constraint(
            "within_reservation", "committed_rounds * steps_per_round <= steps"
        )


@contextmanager
def _rebuilt() -> Iterator[Any]:
    """Yield the table to alter, without its check; SQLite drops it with the table it copies."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("within_reservation", "reservation", type_="check")
    with op.batch_alter_table("reservation") as table:
        yield table


def _fill(connection: sa.Connection) -> None:
    row, last = _RESERVATION.c, 0
    query = sa.select(row.seq, *(row[name] for name in STEPS)).order_by(row.seq).limit(_ROWS)
    change = _RESERVATION.update().where(row.seq == sa.bindparam("row"))
    change = change.values(events=sa.bindparam("new"), rounds=sa.bindparam("whole"))
    while rows := connection.execute(query.where(row.seq > last)).mappings().all():
        connection.execute(change, [_carried(each) for each in rows])
        last = rows[-1]["seq"]


def _carried(row: Mapping[Any, Any]) -> dict[str, Any]:
    try:
        events, rounds = from_steps(*(row[name] for name in STEPS))
        text = to_column(Events, events)
    except SPOILED:
        text, rounds = "", 2**62  # unreadable, and never less than what was committed
    return {"row": row["seq"], "new": text, "whole": rounds}


def _empty(connection: sa.Connection) -> None:
    row = _RESERVATION.c
    for found in connection.execute(sa.select(row.seq, row.events, row.rounds)).all():
        (only,) = json.loads(found.events)["items"]
        numbers = dict(only["parameters"])
        steps = {"steps": only["count"] * found.rounds, "steps_per_round": only["count"]}
        stated = {name: numbers[name] for name in STEPS[:2]} | steps
        connection.execute(_RESERVATION.update().where(row.seq == found.seq).values(stated))
