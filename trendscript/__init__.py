"""What the services share: settings, contracts, Kafka, Postgres, logs, the command line, the local servers."""

__version__ = "0.1.0"
