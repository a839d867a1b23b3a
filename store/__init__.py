"""The store: remembers every run that was ever trained, in one DuckDB file that nobody keeps open."""
