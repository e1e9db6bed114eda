"""Real charts, files and API bodies through the real command line, held against counts in plain Python."""
