"""The documented object of a connection, as it is sent: leniently read, as the original's examples need it.

The example of the document has ``endoding`` for ``encoding``, ``"true"`` for true, and base64 that is cut off.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Final, Literal

import msgspec

from query_api.connections import Draft
from query_api.errors import InvalidError

MOST_BODY_BYTES: Final = 524_288
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")


class Encoded(msgspec.Struct):
    """A certificate or a key."""

    data: str
    encoding: Literal["base64"] = "base64"
    endoding: Literal["base64"] = "base64"

    @property
    def plain(self) -> bytes:
        """What is encoded, without what does not belong to it; of an incomplete end what can be had.

        Raises InvalidError when that is nothing: without its authority a connection would trust others.
        """
        text = self.data.encode().replace(b"-", b"+").replace(b"_", b"/")
        digits = _NOT_BASE64.sub(b"", text)
        if len(digits) % 4 == 1:
            digits = digits[:-1]
        found = b64decode(digits + b"=" * (-len(digits) % 4))
        if self.data and not found:
            raise InvalidError("a certificate or a key is not Base64")
        return found


class Credentials(msgspec.Struct, rename="camel"):
    """Who the broker is told to be asked by."""

    username: str = ""
    password: str = ""
    client_id: str = ""


class Body(msgspec.Struct, rename="camel"):
    """A connection. What the original also sends back, such as ``status``, is not read."""

    id: str
    name: str
    url: str
    credentials: Credentials | None = None
    reject_unauthorized: bool | Literal["true", "false"] = True
    ca: Encoded | None = None
    cert: Encoded | None = None
    key: Encoded | None = None


_decoder = msgspec.json.Decoder(Body)


def read_connection(content: bytes) -> Draft:
    """The connection that a body asks for; whether it may be is another question. Raises InvalidError."""
    try:
        body = _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidError(f"the body is no connection: {error}") from error
    credentials = body.credentials or Credentials()
    encoded = {"ca": body.ca, "cert": body.cert, "key": body.key}
    parts = {name: part.plain for name, part in encoded.items() if part is not None}
    if credentials.password:
        parts["password"] = _bytes(credentials.password)
    return Draft(
        body.id,
        body.name,
        body.url,
        credentials.username,
        credentials.client_id,
        body.reject_unauthorized in (True, "true"),
        parts,
    )


def _bytes(password: str) -> bytes:
    try:
        return password.encode()
    except UnicodeEncodeError as error:
        raise InvalidError("the password is no text") from error
