"""MQTT and AMQP sockets to the log, and delivery back to them."""
