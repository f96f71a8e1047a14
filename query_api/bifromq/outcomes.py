"""What commands come to, in the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar.response.base import ASGIResponse

from query_api.asked import Asked
from query_api.bifromq.answers import WordError, word
from query_api.bifromq.headers import REQUEST_ID, request_id
from query_api.commands.outcome import Outcome

REJECTED: Final = (400, "BACK_PRESSURE_REJECTED")
"""Not in time: the caller may try again, under the same id."""


def answered(asked: Asked, text: str = "") -> ASGIResponse:
    """The answer to a request that succeeded."""
    return word(text, told(asked))


def told(asked: Asked) -> Mapping[str, str]:
    """The headers of an answer."""
    return {**asked.headers(), REQUEST_ID: str(request_id(asked))}


def settled(outcome: Outcome, late: tuple[int, str] = REJECTED) -> str:
    """The word of an outcome that is known. Raises WordError: ``late`` if it is not, 404 for what is not there."""
    if not outcome.known or outcome.outcome in ("late", "unknown"):
        raise WordError(*late)
    if outcome.outcome in ("not_found", "not_connected", "wrong_user"):
        raise WordError(404)
    return outcome.outcome
