"""The warehouse: migrations, roles, views, and the commands over them, on a real Postgres."""
