"""Faults of ours: what happened goes to the log, and only a number that finds it there to the client."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from query_api.asked import Asked
from query_api.errors import TooLateError, UnavailableError

logger = logging.getLogger(__name__)

CORRELATION_HEADER = "x-correlation-id"


def tell(error: Exception, asked: Asked) -> Mapping[str, str]:
    """Log an error that is no refusal; the headers by which the client can name it."""
    logger.error("a request failed", exc_info=error, extra={"correlation": asked.correlation})
    return {CORRELATION_HEADER: asked.correlation}


def note(error: Exception) -> None:
    """Log why nothing could be said, when that is for the log only."""
    if isinstance(error, UnavailableError) and not isinstance(error, TooLateError):
        logger.info("no answer possible now: %s", error)
