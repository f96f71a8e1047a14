"""From what a command came to, to an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import quote

from query_api.commands.outcome import Asker
from query_api.commands.outcome import Outcome as Told
from query_api.errors import NotFoundError
from query_api.native.operation import BASE, Call, Reply
from query_api.native.problems import RETRY_AFTER, ProblemError
from query_api.native.shapes import Outcome, Shape
from schemas.admin import AdminEvent
from schemas.commands import Order

__all__ = ["Told", "added", "ask", "asker", "found", "mode", "path_of", "present", "put", "reply", "shape"]

Row = TypeVar("Row")

DONE: Final = "done"
_STATUS: Final[Mapping[str, tuple[int, str]]] = {
    "not_found": (404, "There is no such thing."),
    "exists": (409, "There is one already."),
    "not_connected": (409, "The client is not connected."),
    "wrong_user": (409, "The session is another user's."),
    "limit": (409, "There are as many as there may be."),
    "stopped": (409, "The module that this needs does not run."),
    "last_administrator": (409, "There would be no administrator left."),
    "late": (503, "The command was not in the log in time, and is void."),
    "unknown": (503, "The node that decided ended in between; what became of the command is not known."),
}


def asker(call: Call, secret: bytes = b"") -> Asker:
    """Who asks, with the idempotency key, which is good for one ``secret`` alone. Raises InvalidError."""
    return call.asked.asker(getattr(call.headers, "idempotency_key", None) or "", secret)


async def ask(call: Call, make: Callable[[Order], AdminEvent], *, secret: str = "") -> Told:
    """Append a change of administration, and what came of it. Raises UnavailableError, ConflictError.

    ``secret`` is what the event holds only as a salted hash.
    """
    return await call.asked.service.commands.admin(asker(call, secret.encode()), make, tenant=call.tenant)


def present(row: Row | None, kind: str) -> Row:
    """A row that must be there. Raises NotFoundError when it is not."""
    if row is None:
        raise NotFoundError(f"There is no such {kind}.")
    return row


def path_of(told: Told) -> str:
    """Path of the command."""
    return f"{BASE}/commands/{told.id}"


def found(thing: Shape | None, kind: str) -> Reply:
    """The answer with one thing. Raises NotFoundError when there is none."""
    return Reply(present(thing, kind))


def reply(
    told: Told, *, body: Shape | None = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """The answer for an outcome: 202 while it is not known. ``body`` stands for that of one that is done.

    Raises ProblemError for what was not done.
    """
    path = path_of(told)
    if not told.known:
        return Reply(shape(told, path), 202, {"location": path, "retry-after": "1"})
    if told.outcome != DONE:
        raise _problem(told, path)
    return Reply(shape(told, path) if body is None else body, status, headers or {})


def added(told: Told, *path: str, body: Shape | None = None) -> Reply:
    """The answer to one that was added at a path."""
    location = "/".join((BASE, *(quote(part, safe="") for part in path)))
    return reply(told, body=body, status=201, headers={"location": location})


def put(told: Told) -> Reply:
    """The answer to a put: what it insisted on may have failed."""
    if told.known and told.outcome in ("exists", "not_found"):
        raise ProblemError(412, "precondition-failed", "It is not as the request insists.", outcome=told.outcome)
    return reply(told)


def mode(call: Call) -> str:
    """What a put insists on, by its conditions: ``add``, ``change`` or ``set``."""
    if call.headers.if_none_match:
        return "add"
    return "change" if call.headers.if_match else "set"


def shape(told: Told, path: str) -> Outcome:
    """The outcome as it is shown."""
    state = "done" if told.known else "pending"
    return Outcome(told.id, state, told.outcome, told.codes, told.count, told.position, path)


def _problem(told: Told, path: str) -> ProblemError:
    status, text = _STATUS.get(told.outcome, (409, "The command was refused."))
    headers = RETRY_AFTER if status == 503 else {}
    kind = told.outcome.replace("_", "-")
    return ProblemError(status, kind, text, headers, outcome=told.outcome, command=path)
