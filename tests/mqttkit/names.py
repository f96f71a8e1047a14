"""Names that no other test of this or an earlier run has used."""

from __future__ import annotations

import itertools
import os

_numbers = itertools.count(1)
_run = os.urandom(3).hex()


def unique(prefix: str = "t") -> str:
    """A name of at most 23 characters from [0-9a-zA-Z], which MQTT 3.1 takes as a client id [MQTT-3.1.3-5]."""
    return f"{prefix[:8]}{_run}x{next(_numbers)}"
