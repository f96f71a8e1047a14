"""One connection against real far ends: every scheme, every way in which it can fail, and coming back."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from connector.dialer import Dialer
from connector.failures import CONNACK_CODES
from connector.link import Link
from connector.settings import ConnectorSettings
from schemas.admin import ConnectionSet
from schemas.commands import Order
from schemas.events import ConnectionStatus, LinkError
from schemas.sealed import Sealer
from schemas.settings import ConnectionsSettings, Secret
from stack.local.ports import free_port
from tests.farkit.broker import far_broker
from tests.farkit.certificates import Certified, authority, self_signed, signed_by
from tests.stackkit.eventually import eventually

KEY = "a key for tests that everybody knows"
CA = authority()
ORDER = Order("1", "somebody", "127.0.0.1", "c", 0)
SEALER = Sealer([KEY])


def connection(url: str, *, verify: bool = True, username: str = "", **given: bytes) -> ConnectionSet:
    parts = {name: part for name, part in given.items() if part}
    sealed = SEALER.seal(parts, "default", "one")
    return ConnectionSet(ORDER, "add", "default", "one", "One", url, username, "", verify, list(parts), sealed)


@dataclass
class Kept:
    """A link and what it said."""

    link: Link
    dialer: Dialer
    told: list[ConnectionStatus] = field(default_factory=list)

    async def until(self, number: int) -> ConnectionStatus:
        await eventually(lambda: len(self.told) >= number, 15, lambda: str(self.told))
        return self.told[number - 1]

    async def error(self) -> LinkError:
        status = await self.until(1)
        assert not status.connected
        assert status.error is not None
        return status.error


@asynccontextmanager
async def keeping(wanted: ConnectionSet, **changes: Any) -> AsyncIterator[Kept]:
    told: list[ConnectionStatus] = []
    timeout, keys, allow = changes.get("timeout", 2.0), changes.get("keys", KEY), changes.get("allow", "")
    settings = ConnectorSettings(timeout=timeout, connections=ConnectionsSettings(keys=Secret(keys), allow=allow))
    dialer = Dialer(settings)
    link = Link(wanted, 7, dialer, told.append, 0.5)
    link.start()
    try:
        yield Kept(link, dialer, told)
    finally:
        await link.stop()
        await dialer.close()


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts", "ws", "wss"])
async def test_every_scheme_connects(tmp_path: Path, scheme: str) -> None:
    certified = signed_by(CA) if scheme in ("mqtts", "wss") else None
    async with far_broker(tmp_path, scheme, certified) as port:
        ca = CA.cert if certified else b""
        async with keeping(connection(f"{scheme}://127.0.0.1:{port}", ca=ca)) as kept:
            status = await kept.until(1)
            assert (status.tenant, status.connection_id, status.position) == ("default", "one", 7)
            assert status.connected
            assert status.error is None


async def test_a_name_is_asked_for_once_and_verified_as_a_name(tmp_path: Path) -> None:
    async with far_broker(tmp_path, "mqtts", signed_by(CA, host="localhost")) as port:
        async with keeping(connection(f"mqtts://localhost:{port}", ca=CA.cert)) as kept:
            assert (await kept.until(1)).connected
        async with keeping(connection(f"mqtts://127.0.0.1:{port}", ca=CA.cert)) as kept:
            assert (await kept.error()).code == "ERR_TLS_CERT_ALTNAME_INVALID"


async def test_a_broker_that_knows_its_clients_by_certificate(tmp_path: Path) -> None:
    client = signed_by(CA, host="somebody")
    async with (
        asking_tls_server(tmp_path, signed_by(CA)) as (port, seen),
        keeping(connection(f"mqtts://127.0.0.1:{port}", ca=CA.cert, cert=client.cert, key=client.key)),
    ):
        await eventually(lambda: seen == ["somebody"], 10)


async def test_username_and_password(tmp_path: Path) -> None:
    async with far_broker(tmp_path, "mqtt", login="somebody:right") as port:
        async with keeping(connection(f"mqtt://127.0.0.1:{port}", username="somebody", password=b"right")) as kept:
            assert (await kept.until(1)).connected
        async with keeping(connection(f"mqtt://127.0.0.1:{port}", username="somebody", password=b"wrong")) as kept:
            error = await kept.error()
    assert (error.code, error.errno, error.port) == ("NOT_AUTHORIZED", 5, port)


@pytest.mark.parametrize(("code", "name"), CONNACK_CODES.items())
async def test_refusals_have_names(code: int, name: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(bytes((0x20, 2, 0, code)))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with keeping(connection(f"mqtt://127.0.0.1:{port}")) as kept:
            error = await kept.error()
    assert (error.code, error.errno, error.address, error.port) == (name, code, "127.0.0.1", port)


CERTIFICATES: dict[str, Callable[[], Certified]] = {
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE": lambda: signed_by(authority("another")),
    "DEPTH_ZERO_SELF_SIGNED_CERT": self_signed,
    "CERT_HAS_EXPIRED": lambda: signed_by(CA, age=timedelta(days=9)),
    "CERT_NOT_YET_VALID": lambda: signed_by(CA, age=timedelta(days=-1)),
}


@pytest.mark.parametrize("name", CERTIFICATES)
async def test_certificates_that_are_not_believed_have_names(tmp_path: Path, name: str) -> None:
    async with far_broker(tmp_path, "mqtts", CERTIFICATES[name]()) as port:
        async with keeping(connection(f"mqtts://127.0.0.1:{port}", ca=CA.cert)) as kept:
            error = await kept.error()
        assert (error.code, error.errno, error.syscall, error.address) == (name, 0, "", "")
        async with keeping(connection(f"mqtts://127.0.0.1:{port}", ca=CA.cert, verify=False)) as kept:
            assert (await kept.until(1)).connected, "unless it is told not to look"


async def test_a_chain_up_to_an_authority_that_is_not_known(tmp_path: Path) -> None:
    other = authority("another")
    leaf = signed_by(other)
    chain = Chain(leaf.certificate, leaf.private, other.cert)
    async with (
        far_broker(tmp_path, "mqtts", chain) as port,
        keeping(connection(f"mqtts://127.0.0.1:{port}", ca=CA.cert)) as kept,
    ):
        assert (await kept.error()).code == "SELF_SIGNED_CERT_IN_CHAIN"


async def test_no_tls_at_the_far_end() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"I speak no TLS\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with keeping(connection(f"wss://127.0.0.1:{port}")) as kept:
            assert (await kept.error()).code == "ERR_SSL_WRONG_VERSION_NUMBER"


async def test_parts_that_are_no_certificates(tmp_path: Path) -> None:
    async with far_broker(tmp_path, "mqtts", signed_by(CA)) as port:
        url = f"mqtts://127.0.0.1:{port}"
        for ca, cert, key in ((b"nothing", b"", b""), (CA.cert, CA.cert, b""), (b"", b"x", b"y")):
            async with keeping(connection(url, ca=ca, cert=cert, key=key)) as kept:
                error = await kept.error()
                assert error.code.startswith("ERR_OSSL_")
                assert "can't be used" in error.message


async def test_nobody_listens() -> None:
    port = free_port()
    async with keeping(connection(f"mqtt://127.0.0.1:{port}")) as kept:
        error = await kept.error()
    expected = LinkError("ECONNREFUSED", -111, "connect", "127.0.0.1", port, "", "[Errno 111] Connection refused")
    assert error == expected


async def test_a_name_that_nobody_has() -> None:
    async with keeping(connection("mqtt://no-such-broker.invalid")) as kept:
        error = await kept.error()
    assert (error.code, error.errno, error.syscall) == ("ENOTFOUND", -3008, "getaddrinfo")
    assert (error.hostname, error.address, error.port) == ("no-such-broker.invalid", "", 0)


async def test_a_far_end_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        async with keeping(connection(f"mqtt://127.0.0.1:{port}"), timeout=0.3) as kept:
            error = await kept.error()
    assert (error.code, error.errno, error.syscall, error.port) == ("ETIMEDOUT", -110, "connect", port)


@pytest.mark.parametrize("answer", [b"", bytes((0x20, 2, 0, 1)), b"SSH-2.0-OpenSSH_9.2\r\n"])
async def test_a_far_end_that_hangs_up_before_connack(answer: bytes) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with keeping(connection(f"mqtt://127.0.0.1:{port}"), timeout=20.0) as kept:
            error = await kept.error()
    assert (error.code, error.errno, error.syscall, error.port) == ("ECONNCLOSED", 1, "on", port)


async def test_a_client_certificate_that_is_missing(tmp_path: Path) -> None:
    async with (
        asking_tls_server(tmp_path, signed_by(CA)) as (port, _),
        keeping(connection(f"mqtts://127.0.0.1:{port}", ca=CA.cert), timeout=20.0) as kept,
    ):
        assert (await kept.error()).code in ("ECONNCLOSED", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED")


async def test_a_web_server_that_knows_no_websockets() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with keeping(connection(f"ws://127.0.0.1:{port}/mqtt")) as kept:
            assert (await kept.error()).code == "EPROTO"


async def test_secrets_of_another_key() -> None:
    for keys in ("", "another key which is long enough too"):
        async with keeping(connection("mqtts://127.0.0.1:1", password=b"x"), keys=keys) as kept:
            assert (await kept.error()).code == "EKEYREJECTED"


@pytest.mark.parametrize(("allow", "host"), [("", "169.254.169.254"), ("10.0.0.0/8", "127.0.0.1"), ("b", "localhost")])
async def test_addresses_that_are_not_allowed(allow: str, host: str) -> None:
    async with keeping(connection(f"mqtt://{host}:1"), allow=allow) as kept:
        assert (await kept.error()).code == "EACCES"


async def test_a_connection_that_is_lost_comes_back(tmp_path: Path) -> None:
    port = free_port()
    async with keeping(connection(f"mqtt://127.0.0.1:{port}")) as kept:
        assert (await kept.error()).code == "ECONNREFUSED"
        async with far_broker(tmp_path, "mqtt", port=port):
            assert (await kept.until(2)).connected
        lost = await kept.until(3)
        assert lost.error is not None
        assert (lost.error.code, lost.error.errno, lost.error.syscall) == ("ECONNCLOSED", 1, "on")
        assert [status.at for status in kept.told] == sorted(status.at for status in kept.told)
        async with far_broker(tmp_path, "mqtt", port=port):
            await eventually(lambda: kept.told[-1].connected, 15)


async def test_the_same_failure_is_told_once() -> None:
    async with keeping(connection(f"mqtt://127.0.0.1:{free_port()}")) as kept:
        await eventually(lambda: kept.link.attempts >= 3, 15)
        assert len(kept.told) == 1


async def test_stopping_says_so_to_the_broker_and_to_the_log() -> None:
    packets: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        packets.append(await reader.read(1000))
        writer.write(b"\x20\x02\x00\x00")
        packets.append(await reader.read(1000))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with keeping(connection(f"mqtt://127.0.0.1:{port}", username="u", password=b"p")) as kept:
            assert (await kept.until(1)).connected
            await kept.link.stop("because")
            error = kept.told[-1].error
            assert error is not None
            assert (error.code, error.message) == ("ECONNCLOSED", "because")
            await eventually(lambda: packets[1:] == [b"\xe0\x00"], 10)


async def test_an_attempt_that_was_given_up_leaves_nothing_behind() -> None:
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            continue
        ended.set()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with keeping(connection(f"mqtt://127.0.0.1:{port}"), timeout=1.0) as kept:
            await eventually(lambda: kept.link.attempts == 1, 5)
        await asyncio.wait_for(ended.wait(), 10)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_far_end_that_only_drips_holds_nothing(tmp_path: Path, scheme: str) -> None:
    """The library would read such a header for ever, in a thread."""
    ended: list[str] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1000), 0.05)
        ended.append("so")
        writer.close()

    context = server_context(tmp_path, signed_by(CA)) if scheme == "wss" else None
    async with await asyncio.start_server(drip, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        async with keeping(connection(f"{scheme}://127.0.0.1:{port}/", ca=CA.cert), timeout=0.3) as kept:
            assert (await kept.error()).code == "ETIMEDOUT"
            await eventually(lambda: len(ended) >= 2, 15)
        await eventually(lambda: len(ended) == kept.link.attempts, 15)


def server_context(folder: Path, certified: Certified) -> ssl.SSLContext:
    for name, content in (("cert", certified.cert), ("key", certified.key)):
        (folder / name).write_bytes(content)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=CA.cert.decode())
    context.load_cert_chain(folder / "cert", folder / "key")
    return context


@dataclass(frozen=True, slots=True)
class Chain(Certified):
    """A certificate that comes with that of its authority."""

    more: bytes = b""

    @property
    def cert(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM) + self.more


@asynccontextmanager
async def asking_tls_server(folder: Path, certified: Certified) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that insists on a client's certificate; its port, and the names that came."""
    seen: list[str] = []
    context = server_context(folder, certified)
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peercert")["subject"][0][0][1])
        await reader.read(1000)
        writer.write(b"\x20\x02\x00\x00")
        await reader.read(1000)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], seen
