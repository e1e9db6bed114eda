"""Sources to topics: one module a source, conversion pure apart from the reading and the sending."""
