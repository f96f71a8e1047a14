"""MQTT: the sans-IO codec and the server that speaks it."""
