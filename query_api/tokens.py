"""Opaque signed tokens: page tokens and positions.

A token is base64url, without padding, of ``payload || tag`` where ``tag`` is the first 16 bytes of HMAC-SHA256 over
purpose, context and payload. The context (dialect, endpoint, tenant, filters) is not in the token: whoever opens it
must name the same one, so that a token of another list is as foreign as one that was altered. Tokens hold
no secret; they are signed so that they can't be made up.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import msgspec

from schemas.settings import Secret, SettingsError

TAG_BYTES = 16
LEAST_KEY_LENGTH = 16
LONGEST_TOKEN = 262_144
"""A client id has at most 65,535 bytes; what is longer than its token was not made here."""


class BadTokenError(ValueError):
    """The token was not made here for this purpose and context, or was altered."""


class Tokens:
    """Makes and opens tokens. The first key signs, all open: put a new key in front to rotate."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("a signer needs a key")
        self._keys = tuple(keys)

    def seal(self, purpose: str, context: tuple[str, ...], payload: bytes) -> str:
        """The token that carries ``payload``."""
        tag = _tag(self._keys[0], purpose, context, payload)
        return urlsafe_b64encode(payload + tag).rstrip(b"=").decode("ascii")

    def open(self, purpose: str, context: tuple[str, ...], token: str) -> bytes:
        """The payload of a token that :meth:`seal` made. Raises BadTokenError."""
        raw = _decode(token)
        payload, tag = raw[:-TAG_BYTES], raw[-TAG_BYTES:]
        for key in self._keys:
            if hmac.compare_digest(tag, _tag(key, purpose, context, payload)):
                return payload
        raise BadTokenError("signed by no key of ours")


def parse_keys(setting: Secret) -> list[bytes]:
    """The keys in a comma separated setting, newest first; empty when unset. Raises SettingsError."""
    keys = [part.strip().encode() for part in setting.reveal().split(",") if part.strip()]
    if any(len(key) < LEAST_KEY_LENGTH for key in keys):
        raise SettingsError(
            f"token_keys holds a key of less than {LEAST_KEY_LENGTH} characters; use long random texts, "
            "such as `openssl rand -hex 32` prints."
        )
    return keys


def _tag(key: bytes, purpose: str, context: tuple[str, ...], payload: bytes) -> bytes:
    # MessagePack tells ("a", "bc") from ("ab", "c").
    message = msgspec.msgpack.encode((purpose, context, payload))
    return hmac.digest(key, message, "sha256")[:TAG_BYTES]


def _decode(token: str) -> bytes:
    if len(token) > LONGEST_TOKEN:
        raise BadTokenError("too long")
    try:
        text = token.encode("ascii")
        raw = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadTokenError("not base64url") from error
    # base64 has several spellings of the same bytes; only ours counts.
    if urlsafe_b64encode(raw).rstrip(b"=") != text or len(raw) < TAG_BYTES:
        raise BadTokenError("not in the form of a token")
    return raw
