"""Folds the log into read models in Postgres."""
