"""The journal, its recovery and the fold at start, with a real Kafka and the service in this process."""
