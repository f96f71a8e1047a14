"""ETags: a digest of the answer's own bytes, so that equal tags are equal answers (RFC 9110, section 8.8.3)."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, Final

import msgspec

from query_api.native.operation import Call
from query_api.native.problems import ProblemError

_TAG: Final = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*')


def of(body: bytes) -> str:
    """The tag of an answer."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def fits(given: str, tag: str) -> bool:
    """Whether a header names the tag, or ``*``. What is no list of tags names none."""
    return given.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in given.split(",")]


def require_match(call: Call, present: Any | None) -> None:
    """Hold ``if-match`` and ``if-none-match`` of a change against what there is. Raises ProblemError 412.

    The read models are asked, which may be a moment behind: ``*`` is also what the command itself insists on.
    """
    wanted = call.headers.if_match
    if wanted and (present is None or not fits(wanted, of(msgspec.json.encode(present)))):
        raise ProblemError(412, "precondition-failed", "It is not as `If-Match` says.")
    if getattr(call.headers, "if_none_match", "") == "*" and present is not None:
        raise ProblemError(412, "precondition-failed", "There is one already.")
