"""Revisions of the schema, oldest first; Alembic reads this folder."""
