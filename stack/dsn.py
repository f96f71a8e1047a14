"""Whether a Postgres URL is one that the client library takes, known before anything connects."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
ALLOWED = (
    "a URL postgresql://USER:PASSWORD@HOST:PORT/DATABASE: PORT a number, special characters in the rest as %XX, "
    f"sslmode one of {', '.join(SSL_MODES)}"
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:@\[\]/]+)(:(?P<port>\d{1,5}))?")


def usable(dsn: str) -> bool:
    """Whether its form, its ports and its sslmode are right; hosts may be several, with commas between."""
    if not re.fullmatch(r"postgres(ql)?://\S+", dsn):
        return False
    try:
        parts = urlsplit(dsn)
        query = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        return False
    login, at, hosts = parts.netloc.partition("@")
    return _hosts(hosts if at else login) and all(
        mode.replace("_", "-") in SSL_MODES for mode in query.get("sslmode", [])
    )


def _hosts(text: str) -> bool:
    """Empty, as with ``?host=``, or hosts with their ports."""
    found = [_HOST.fullmatch(host) for host in text.split(",")] if text else []
    return all(match is not None and 0 < int(match["port"] or 5432) < 65_536 for match in found)
