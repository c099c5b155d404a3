"""The history of the schema, in Alembic's form; run by `migrate_sql`."""
