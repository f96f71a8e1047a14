"""Load for an MQTT broker that is not itself the limit.

Packets are encoded before the clock starts and sent as slices; answers are compared as bytes with the answers that
must come. Sockets are raw and non-blocking under one epoll. Nothing here knows a client library or the broker's code,
so that a fault of either can't hide itself.
"""
