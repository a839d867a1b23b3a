"""The one DuckDB file: its connection, lock, schema and ledger, and whole copies of it."""
