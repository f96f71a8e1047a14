"""Why a request gets no rows. Each dialect maps these to its own statuses and bodies, in one function.

The texts of InvalidError and NotFoundError are meant for the client; those of UnavailableError are for the log only.
"""

from __future__ import annotations


class RefusalError(Exception):
    """Base of all reasons for which a request is refused by rule."""


class MethodNotAllowedError(RefusalError):
    """The route knows no such method."""


class InvalidError(RefusalError):
    """A parameter can't be used; the text says why."""


class NotFoundError(RefusalError):
    """There is no such thing; the text names the kind of thing."""


class UnavailableError(RefusalError):
    """Postgres is away, or a model is missing or loading: nothing true can be said."""


class TooLateError(UnavailableError):
    """The position that a client asked for was not reached in time."""
