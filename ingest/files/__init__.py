"""Files of charts that people already have: tables and saved API answers go in, chart readings come out."""
