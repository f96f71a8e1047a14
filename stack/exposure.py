"""Refuses addresses that strangers could reach while there are no passwords yet."""

from __future__ import annotations

from ops.loopback import is_loopback
from stack.errors import StackError


def refuse_exposed(section: str, host: str, allowed: bool) -> None:
    """Raise StackError for an address beyond loopback that was not explicitly allowed."""
    if is_loopback(host) or allowed:
        return
    raise StackError(
        f"{section}.host is {host}, which others can reach, and there is no authentication yet. Listen on 127.0.0.1, "
        f"or say that you want it: {section}.allow_anonymous_remote = true "
        f"(MQLEDGER_{section.upper()}__ALLOW_ANONYMOUS_REMOTE=true)."
    )


def reachable(host: str) -> str:
    """The address at which this machine reaches a listener bound to ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
