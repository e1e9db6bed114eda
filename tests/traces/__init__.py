"""Tests that secrets stay where they were put."""
