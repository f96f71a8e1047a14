"""Opaque tokens: page tokens and positions.

A token is base64url, without padding, of AES-SIV (RFC 5297) over the payload, with purpose and context as associated
data: encrypted and authenticated, 16 bytes longer than its payload. The context (dialect, endpoint, tenant, filters) is
not in the token: whoever opens it must name the same one, so that a token of another list is as foreign as one that
was altered. SIV needs no random number: the same payload in the same context gives the same token, by every replica.
What a token tells without a key is how long its payload is, and which of two tokens are the same.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.settings import Secret, SettingsError

TAG_BYTES: Final = 16
LEAST_KEY_LENGTH: Final = 16
LONGEST_TOKEN: Final = 262_144
"""A client id has at most 65,535 bytes; what is longer than its token was not made here."""
PATTERN: Final = "^[A-Za-z0-9_-]{22,}$"
"""What every token looks like: base64url of at least TAG_BYTES bytes."""

_CIPHER_KEY_BYTES: Final = 64
"""AES-256-SIV takes two keys of 256 bits."""
_KEY_USE: Final = b"mqledger query_api tokens, AES-256-SIV"
"""Keeps these keys apart from what else may be derived from the same secret."""


class BadTokenError(ValueError):
    """The token was not made here for this purpose and context, or was altered."""


class Tokens:
    """Makes and opens tokens. The first key seals, all open: put a new key in front to rotate."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("tokens need a key")
        self._ciphers = tuple(map(_cipher, keys))

    def seal(self, purpose: str, context: tuple[str, ...], payload: bytes) -> str:
        """The token that carries ``payload``."""
        sealed = self._ciphers[0].encrypt(payload, _bound_to(purpose, context))
        return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def open(self, purpose: str, context: tuple[str, ...], token: str) -> bytes:
        """The payload of a token that :meth:`seal` made. Raises BadTokenError."""
        sealed, bound_to = _decode(token), _bound_to(purpose, context)
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed, bound_to)
            except InvalidTag:
                continue
        raise BadTokenError("sealed by no key of ours")


def parse_keys(setting: Secret) -> list[bytes]:
    """The keys in a comma separated setting, newest first; empty when unset. Raises SettingsError."""
    keys = [part.strip().encode() for part in setting.reveal().split(",") if part.strip()]
    if any(len(key) < LEAST_KEY_LENGTH for key in keys):
        raise SettingsError(
            f"token_keys holds a key of less than {LEAST_KEY_LENGTH} characters; use long random texts, "
            "such as `openssl rand -hex 32` prints."
        )
    return keys


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(HKDF(SHA512(), _CIPHER_KEY_BYTES, salt=None, info=_KEY_USE).derive(key))


def _bound_to(purpose: str, context: tuple[str, ...]) -> list[bytes]:
    # MessagePack tells ("a", "bc") from ("ab", "c").
    return [msgspec.msgpack.encode((purpose, context))]


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
