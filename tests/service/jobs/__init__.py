"""Jobs, on SQLite and on a real PostgreSQL."""
