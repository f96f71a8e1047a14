"""Postgres to HTTP: one folder per dialect, one set of queries under them all. Writes no read model."""
