"""What commands come to, in the dialect: what is not known in time is a node that does not answer."""

from __future__ import annotations

from query_api.commands.outcome import Outcome
from query_api.emq2.answers import BAD_RPC, CodedError


def settled(outcome: Outcome) -> str:
    """The word of an outcome that is known. Raises CodedError for one that is not, or came too late."""
    if not outcome.known or outcome.outcome in ("late", "unknown"):
        raise CodedError(BAD_RPC, "badrpc")
    return outcome.outcome
