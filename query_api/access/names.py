"""Which names and passwords an account may have: as the types of the native API say; a test holds them together."""

from __future__ import annotations

import re
from typing import Final

from query_api.access.principal import LOOPBACK
from query_api.keyset import storable

RESERVED: Final = frozenset({LOOPBACK})
"""Names that no account and no API key gets."""
LEAST_PASSWORD: Final = 8
MOST_PASSWORD: Final = 256
_NAME: Final = re.compile(r"[A-Za-z0-9._@:-]{1,200}")


def usable_name(name: str) -> bool:
    """Whether a new account may have this name."""
    return _NAME.fullmatch(name) is not None and name not in RESERVED


def usable_password(password: str) -> bool:
    """Whether it may become the password of an account."""
    return LEAST_PASSWORD <= len(password) <= MOST_PASSWORD and storable(password)
