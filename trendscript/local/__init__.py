"""The embedded Kafka and PostgreSQL servers: real ones, as child processes under one folder."""
