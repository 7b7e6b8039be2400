"""Where a peer takes messages over HTTPS, what it said, and offers as the protocol says them."""

from __future__ import annotations

from functools import lru_cache

import sqlalchemy as sa
from alembic import op

from connector.errors import PreauError
from connector.jsonld.canonical import canonical
from connector.jsonld.dsp_policy import to_dsp
from connector.jsonld.dsp_shape import CATALOG

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_OFFER = sa.table(
    "offer",
    sa.column("seq"),
    sa.column("policy", sa.LargeBinary()),
    sa.column("dsp", sa.LargeBinary()),
)
_ROWS = 500  # that are held in memory at a time
# Table -> its new columns of text; all but one are empty in what is carried over.
_TEXTS = {
    "outbox": {"address": ""},
    "negotiation": {"address": "", "heard": "", "said": "[]"},
    "transfer": {"address": "", "heard": "", "format": ""},
}
_BYTES = {"transfer": "data_address", "offer": "dsp"}


def upgrade() -> None:
    """Until now every process went over gRPC; published offers get their form."""
    for table, columns in _TEXTS.items():
        for name, empty in columns.items():
            kind = sa.Text() if empty else sa.String()
            op.add_column(table, sa.Column(name, kind, nullable=False, server_default=empty))
    for table, name in _BYTES.items():
        column = sa.Column(name, sa.LargeBinary(), nullable=False, server_default="")
        op.add_column(table, column)
    connection, row, last = op.get_bind(), _OFFER.c, 0
    query = sa.select(row.seq, row.policy).order_by(row.seq).limit(_ROWS)
    change = _OFFER.update().where(row.seq == sa.bindparam("row"))
    while rows := connection.execute(query.where(row.seq > last)).all():
        forms = [{"row": seq, "new": _form(policy)} for seq, policy in rows]
        connection.execute(change.values(dsp=sa.bindparam("new")), forms)
        last = rows[-1][0]


def downgrade() -> None:
    for table, name in _BYTES.items():
        op.drop_column(table, name)
    for table, columns in _TEXTS.items():
        for name in columns:
            op.drop_column(table, name)


@lru_cache(256)
def _form(policy: bytes) -> bytes:
    try:
        return canonical(to_dsp(policy, kind=CATALOG))
    except PreauError:
        return b""
