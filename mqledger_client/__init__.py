"""A client of the native API of mqledger: generated operations and models over a small hand-written transport.

It knows nothing of the rest: who installs the package may use it against any mqledger.
"""

from __future__ import annotations

from mqledger_client import models
from mqledger_client.client import Client
from mqledger_client.http import ApiError, ServerEvent, Transport, UnreachableError, every

__all__ = ["ApiError", "Client", "ServerEvent", "Transport", "UnreachableError", "connect", "every", "models"]


def connect(url: str, *, user: str = "", secret: str = "", token: str = "", tenant: str = "") -> Client:
    """A client of the API at ``url``: as an account or API key with its secret, with a bearer token, or as nobody."""
    auth = (user, secret) if user else None
    return Client(Transport(url, auth=auth, token=token, tenant=tenant))
