"""Answers of the dialect: a code, and a result or a message; what went wrong is told by the code, mostly under 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar.response.base import ASGIResponse

from query_api.answers import plain
from query_api.asked import Asked
from query_api.errors import RefusalError

BAD_RPC: Final = 101
"""A node does not answer, or the outcome of a command is not known in time."""
UNKNOWN: Final = 102
WRONG_LOGIN: Final = 103
EMPTY_LOGIN: Final = 104
NO_USER: Final = 105
ADMIN_STAYS: Final = 106
MISSING: Final = 107
WRONG_TYPE: Final = 108
NOT_JSON: Final = 109
STARTED: Final = 110
STOPPED: Final = 111
OFFLINE: Final = 112
USER_EXISTS: Final = 113
WRONG_OLD_PASSWORD: Final = 114

_encode = msgspec.json.Encoder().encode


class CodedError(RefusalError):
    """A refusal by its code, with the words of the original, if it has any."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


def result(asked: Asked, value: Any) -> ASGIResponse:
    """The answer to a request that succeeded."""
    return plain(b'{"code":0,"result":%b}' % _encode(value), asked.headers())


def done(asked: Asked) -> ASGIResponse:
    """The answer to a change that was made."""
    return result(asked, [])


def zone_of(asked: Asked) -> ZoneInfo:
    """The time zone in which times are written."""
    return ZoneInfo(asked.service.settings.dialects.time_zone)


def coded(code: int, message: str, headers: Mapping[str, str], status: int = 200) -> ASGIResponse:
    """The answer to a request that failed."""
    document: dict[str, Any] = {"code": code, "message": message} if message else {"code": code}
    return plain(_encode(document), headers, status)
