"""Secrets of broker connections at rest: sealed by the API, opened by the connector.

AES-SIV (RFC 5297) with a key of the deployment: it needs no nonce, so that sealing is pure, and tells equal secrets
apart only inside one connection, since tenant and connection id are authenticated with them. What is sealed for one
connection opens for no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.settings import Secret, SettingsError

LEAST_KEY_LENGTH = 32
"""Characters of a key."""
KEY_BYTES = 64
PARTS = ("password", "ca", "cert", "key")
"""What may be sealed; certificates and keys as PEM or DER."""

_PURPOSE = b"mqledger connections 1"
_parts = msgspec.msgpack.Decoder(dict[str, bytes])


class NotOpenedError(Exception):
    """None of the keys opens it: it was sealed with another, for another connection, or is damaged."""


class Sealer:
    """Seals with the newest key and opens with any."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """``secrets``: at least one, newest first, of any length."""
        self._ciphers = [AESSIV(_derived(secret)) for secret in secrets]

    def seal(self, parts: Mapping[str, bytes], tenant: str, connection_id: str) -> bytes:
        """The parts of a connection, as a MessagePack map, encrypted; empty when there is none."""
        plain = msgspec.msgpack.encode({name: value for name, value in sorted(parts.items()) if value})
        return self._ciphers[0].encrypt(plain, _bound(tenant, connection_id)) if any(parts.values()) else b""

    def open(self, sealed: bytes, tenant: str, connection_id: str) -> dict[str, bytes]:
        """The parts of a connection. Raises NotOpenedError."""
        for cipher in self._ciphers if sealed else ():
            try:
                return _parts.decode(cipher.decrypt(sealed, _bound(tenant, connection_id)))
            except InvalidTag:
                continue
        if sealed:
            raise NotOpenedError("sealed with a key that connections.keys does not hold")
        return {}


def sealer(keys: Secret) -> Sealer | None:
    """A sealer with the keys of the setting ``connections.keys``; None when it is unset. Raises SettingsError."""
    secrets = [word.strip() for word in keys.reveal().split(",") if word.strip()]
    if any(len(secret) < LEAST_KEY_LENGTH for secret in secrets):
        raise SettingsError(
            f"connections.keys has a key of less than {LEAST_KEY_LENGTH} characters; "
            "make one with `openssl rand -hex 32`."
        )
    return Sealer(secrets) if secrets else None


def _derived(secret: str) -> bytes:
    return HKDF(SHA512(), KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())


def _bound(tenant: str, connection_id: str) -> list[bytes]:
    return [tenant.encode(), connection_id.encode()]
