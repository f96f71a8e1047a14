"""Why a request gets no rows. Each dialect maps these to its own statuses and bodies, in one function.

The texts are meant for the client, except those of UnavailableError, which are for the log only.
"""

from __future__ import annotations


class RefusalError(Exception):
    """Base of all reasons for which a request is refused by rule."""


class MethodNotAllowedError(RefusalError):
    """The route knows no such method."""


class InvalidError(RefusalError):
    """A parameter can't be used; the text says why."""


class TopicError(InvalidError):
    """Nobody may publish to such a topic."""

    def __init__(self, topic: str, text: str) -> None:
        super().__init__(text)
        self.topic = topic


class TooLargeError(RefusalError):
    """The body is longer than it may be."""


class UnauthorizedError(RefusalError):
    """There are no credentials, or not the right ones: whoever asks may try others."""


class ForbiddenError(RefusalError):
    """It is known who asks, and they may not; the text says what."""


class NotFoundError(RefusalError):
    """There is no such thing; the text names the kind of thing."""


class ConflictError(RefusalError):
    """It does not go with what there is: an idempotency key that was used for something else, a name that is taken."""


class TooManyRequestsError(RefusalError):
    """Too many of a kind; the same may be tried again later."""

    def __init__(self, text: str = "too many requests", retry_after: float = 1.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        """Seconds."""


class UnavailableError(RefusalError):
    """Postgres or Kafka is away, or a model is missing or loading: nothing true can be said or done."""


class TooLateError(UnavailableError):
    """The position that a client asked for was not reached in time."""
