"""Topics to lake and Postgres: modules are named after the steps that load.py lists."""
