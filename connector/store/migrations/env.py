"""Alembic's entry: runs revisions on the connection that `upgrade` opened."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from connector.store import tables  # noqa: F401 - fills SQLModel.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    version_table="alembic_version",
    transactional_ddl=False,
)
context.run_migrations()
