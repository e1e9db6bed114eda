"""The service: requests of a topic are worked off beside the poll loop, and committed last."""
