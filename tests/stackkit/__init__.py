"""What tests need to run the real thing: Kafka and Postgres, our services as processes, and patience."""
