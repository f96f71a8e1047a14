"""The states of an MQTT connection; docs/architecture.md shows what leads from one to the next."""

from __future__ import annotations

NEW, CONNECTING, OPEN, CLOSED = range(4)
"""No CONNECT yet; CONNECT on its way through the log; told CONNACK; nothing more is appended and nothing more sent."""
