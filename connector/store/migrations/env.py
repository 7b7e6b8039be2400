"""Alembic's entry: runs revisions on the connection that `upgrade` opened."""

from __future__ import annotations

from alembic import context

from connector.store.tables import records  # noqa: F401 - fills METADATA
from connector.store.tables.declared import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table="alembic_version",
    transactional_ddl=False,
)
context.run_migrations()
