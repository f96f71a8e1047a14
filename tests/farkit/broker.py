"""amqtt as a far broker, in this process, on free ports of loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from amqtt.broker import Broker

from stack.local.ports import free_port
from tests.farkit.certificates import Certified


@asynccontextmanager
async def far_broker(
    folder: Path, scheme: str, certified: Certified | None = None, *, port: int = 0, ca: bytes = b"", login: str = ""
) -> AsyncIterator[int]:
    """Its port. ``ca``: whose clients' certificates it knows; ``login``: ``user:password``, else anybody may."""
    port = port or free_port()
    listener: dict[str, Any] = {"type": "ws" if scheme.startswith("ws") else "tcp", "bind": f"127.0.0.1:{port}"}
    if certified is not None:
        for name, content in (("certfile", certified.cert), ("keyfile", certified.key), ("cafile", ca)):
            if content:
                listener[name] = folder / f"{port}-{name}.pem"
                listener[name].write_bytes(content)
        listener["ssl"] = True
    broker = Broker({"listeners": {"default": listener}, "plugins": _who(folder, port, login)})
    await broker.start()
    try:
        yield port
    finally:
        await broker.shutdown()


def _who(folder: Path, port: int, login: str) -> dict[str, Any]:
    if not login:
        return {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    from pwdlib import PasswordHash

    user, _, password = login.partition(":")
    file = folder / f"{port}-passwords"
    file.write_text(f"{user}:{PasswordHash.recommended().hash(password)}\n")
    return {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(file)}}
