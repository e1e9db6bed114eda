"""Tests of the whole: commands as people type them, in processes of their own."""
