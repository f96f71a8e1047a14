"""Command line, configuration, local Kafka and Postgres, supervision."""
