"""Tests of the contracts: documents, paths, values, rows, and the folder of ours."""
