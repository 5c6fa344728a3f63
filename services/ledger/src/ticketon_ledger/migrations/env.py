"""Alembic's entry point: runs the steps on the connection that ``ticketon_ledger.migrate`` opened."""

from alembic import context
from sqlmodel import SQLModel

from ticketon_ledger import tables  # noqa: F401 - fills the metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata)
with context.begin_transaction():
    context.run_migrations()
