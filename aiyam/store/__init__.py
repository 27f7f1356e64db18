"""Every SQL statement: schema, migrations, queries."""
