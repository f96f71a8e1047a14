"""Black-box conformance of the broker with MQTT 3.1, 3.1.1 and 5.0, over real sockets with real clients.

Ids like [MQTT-3.1.2-4] are those of the MQTT 5 specification; "3.1.1 [MQTT-...]" marks those of MQTT 3.1.1.
"""
