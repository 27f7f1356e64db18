"""Every SQL statement: schema, migrations, queries."""

from aiyam.store.database import Store

__all__ = ["Store"]
