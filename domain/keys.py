"""How long names may be that are keys of the read models: Postgres indexes at most 2,704 bytes together.

Settings of a node may say less, never more (``stack/limits.py``).
"""

from __future__ import annotations

TENANT_BYTES = 64
NAME_BYTES = 1_024
"""Of a client id, a user, and of whatever else is named by one text."""
FILTER_BYTES = 1_536
"""Of a topic filter of a session."""
