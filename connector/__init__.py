"""Connections to other brokers: keeps an MQTT client on each, and says in the log how it is."""
