"""Names that the dialect has for what has none."""

from __future__ import annotations

from typing import Final

DEFAULT_ZONE: Final = "external"
"""What the original calls the group of listeners that were given no name."""
