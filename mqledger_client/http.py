"""How the client talks: one connection pool, credentials, problems as exceptions, pages, live events.

Nothing here knows an operation: those are generated (``client.py``, ``models.py``) from the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from mqledger_client import models

T = TypeVar("T")
Item_co = TypeVar("Item_co", covariant=True)

BASE: Final = "/api/mqledger/v1"
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"


class ApiError(Exception):
    """The API said no, in its own words."""

    def __init__(self, problem: models.Problem, status: int) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem
        self.status = status


class UnreachableError(Exception):
    """No answer came, or one that is not the API's."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One of the live events."""

    id: str
    """Give it as ``last_event_id`` to go on behind it."""
    event: str
    data: str


class Page(Protocol[Item_co]):
    """What lists give."""

    @property
    def items(self) -> Sequence[Item_co]:
        """What is on the page."""

    @property
    def next(self) -> str | None:
        """The cursor of the next page."""


class Transport:
    """The connection to one API. Close it, or use it as a context."""

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        token: str = "",
        tenant: str = "",
        timeout: float = 15.0,
        verify: bool | str = True,
    ) -> None:
        """``url`` is that of the API, without a path; ``auth`` an account or API key with its secret."""
        headers = {"accept": f"{JSON}, application/problem+json, {EVENT_STREAM}", "user-agent": "mqledger-client"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        if tenant:
            headers["mqledger-tenant"] = tenant
        self._client = httpx.Client(
            base_url=url.rstrip("/") + BASE,
            auth=None if auth is None else httpx.BasicAuth(*auth),
            headers=headers,
            timeout=timeout,
            verify=verify,
            trust_env=False,
        )

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def request(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: msgspec.Struct | None = None,
    ) -> T:
        """Make a request. Raises ApiError, UnreachableError."""
        content = None if body is None else msgspec.json.encode(body)
        given = {**_present(headers), **({"content-type": JSON} if content is not None else {})}
        try:
            response = self._client.request(method, path, params=_texts(query), headers=given, content=content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(f"{self._client.base_url} gave no answer: {error}") from error
        return _decoded(response, answer)

    def stream(
        self, path: str, *, query: Mapping[str, Any] | None = None, headers: Mapping[str, str | None] | None = None
    ) -> Iterator[ServerEvent]:
        """Live events until the connection ends. Raises ApiError, UnreachableError."""
        try:
            with self._client.stream(
                "GET", path, params=_texts(query), headers=_present(headers), timeout=httpx.Timeout(10.0, read=60.0)
            ) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _problem(response)
                yield from _events(response.iter_lines())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(f"{self._client.base_url} broke off: {error}") from error


def every(page: Callable[[str], Page[T]]) -> Iterator[T]:
    """The items of all pages; ``page`` gives the one of a cursor."""
    cursor: str | None = ""
    while cursor is not None:
        found = page(cursor)
        yield from found.items
        cursor = found.next


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="")


def _present(headers: Mapping[str, str | None] | None) -> dict[str, str]:
    return {name: value for name, value in (headers or {}).items() if value is not None}


def _texts(query: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: _text(value) for name, value in (query or {}).items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _decoded(response: httpx.Response, answer: type[T]) -> T:
    if not response.is_success:
        raise _problem(response)
    try:
        return msgspec.json.decode(response.content, type=answer)
    except msgspec.DecodeError as error:
        raise UnreachableError(f"{response.url} gave something else: {error}") from error


def _problem(response: httpx.Response) -> Exception:
    try:
        return ApiError(msgspec.json.decode(response.content, type=models.Problem), response.status_code)
    except msgspec.DecodeError:
        return UnreachableError(f"{response.url} gave status {response.status_code} in words that are not the API's")


def _events(lines: Iterator[str]) -> Iterator[ServerEvent]:
    """Events of a stream as the HTML standard says, section 9.2.6."""
    identifier, fields = "", {"event": "", "data": ""}
    for line in lines:
        if not line:
            if fields["data"]:
                yield ServerEvent(identifier, fields["event"] or "message", fields["data"])
            fields = {"event": "", "data": ""}
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            identifier = value
        elif name == "data":
            fields["data"] += ("\n" if fields["data"] else "") + value
        elif name == "event":
            fields["event"] = value
