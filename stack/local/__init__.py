"""Kafka and Postgres on this machine with nothing but Python installed."""
