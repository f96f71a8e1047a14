"""Bodies of requests: JSON objects with required and optional members, checked in the order of the original."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from query_api.asked import Asked
from query_api.emq2.answers import MISSING, NOT_JSON, WRONG_TYPE, CodedError
from query_api.json_bodies import of_each_the_first

Body = dict[str, Any]
Types = Mapping[str, type]


async def body(asked: Asked, required: Types, optional: Types | None = None) -> Body:
    """The body, of which the named members have these types. Raises CodedError, TooLargeError.

    Not JSON, or no object, is 109; a member that is missing 107; one of another type 108.
    """
    try:
        found = of_each_the_first(await asked.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CodedError(NOT_JSON, "Body not json") from error
    if not isinstance(found, dict):
        raise CodedError(NOT_JSON, "Body not json")
    if not required.keys() <= found.keys():
        raise CodedError(MISSING, "params error")
    for name, kind in (*required.items(), *(optional or {}).items()):
        if name in found and not _is(found[name], kind):
            raise CodedError(WRONG_TYPE, "params type error")
    return found


def _is(value: object, kind: type) -> bool:
    # A JSON true is no number, though Python's is an int.
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))
