"""TLS contexts from certificates that are in memory, PEM or DER."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector.failures import LinkFailedError, by_name

PEM_BEGIN = b"-----BEGIN "


class ClientContext(ssl.SSLContext):
    """Knows the name of the far end, since the socket is given its address; keeps the socket at hand."""

    name = ""
    wrapped: ssl.SSLSocket | None = None
    """The latest; whoever connects closes it when that failed, since the client library does not."""

    def wrap_socket(self, sock: Any, *arguments: Any, **keywords: Any) -> ssl.SSLSocket:
        """As in the library, but the far end is asked and checked for by its name."""
        self.wrapped = super().wrap_socket(sock, *arguments, **{**keywords, "server_hostname": self.name})
        return self.wrapped


def client_context(parts: Mapping[str, bytes], hostname: str, verify: bool) -> ClientContext:
    """A context for a far end: ``ca``, ``cert`` and ``key`` of ``parts``; without ``ca`` the system's authorities.

    ``verify`` False accepts any certificate. Raises LinkFailedError for parts that can't be read.
    """
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = hostname
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca := parts.get("ca"):
        _trust(context, ca)
    else:
        context.load_default_certs()
    if "cert" in parts or "key" in parts:
        _identify(context, parts.get("cert", b""), parts.get("key", b""))
    return context


def _trust(context: ssl.SSLContext, ca: bytes) -> None:
    try:
        context.load_verify_locations(cadata=ca.decode("ascii") if PEM_BEGIN in ca else ca)
    except (ssl.SSLError, ValueError) as error:
        raise _unusable("ca", error) from error


def _identify(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    # The library reads files only. These are in a folder of ours alone, and gone when it has read them.
    with tempfile.TemporaryDirectory(prefix="mqledger-connector-") as folder:
        cert_file, key_file = Path(folder) / "cert", Path(folder) / "key"
        for file, content in ((cert_file, cert), (key_file, key)):
            file.touch(mode=0o600)
            file.write_bytes(content)
        try:
            # Without a password function it would ask on the terminal.
            context.load_cert_chain(cert_file, key_file, password=lambda: b"")
        except (ssl.SSLError, OSError, ValueError) as error:
            raise _unusable("cert and key", error) from error


def _unusable(part: str, error: Exception) -> LinkFailedError:
    reason = getattr(error, "reason", None) or "BAD"
    return by_name(f"ERR_OSSL_{reason}", f"{part} can't be used")
