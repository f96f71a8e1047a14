"""What the API refuses to start with, and that it says how to mend it."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from query_api.main import check, listening, run
from query_api.settings import ApiSettings, DialectSettings
from schemas.settings import Secret, SettingsError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_fine(host: str) -> None:
    check(ApiSettings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "api.example", ""])
def test_beyond_loopback_without_tls_is_worth_a_warning(host: str, caplog: pytest.LogCaptureFixture) -> None:
    check(ApiSettings(host=host))
    assert "without TLS" in caplog.text


@pytest.mark.parametrize(
    "settings",
    [
        ApiSettings(workers=0),
        ApiSettings(token_keys=Secret("short")),
        ApiSettings(max_streams=0),
        ApiSettings(max_streams=8),
        ApiSettings(tls_cert="cert.pem"),
        ApiSettings(tls_cert="/nowhere/cert.pem", tls_key="/nowhere/key.pem"),
    ],
)
def test_other_refusals(settings: ApiSettings) -> None:
    with pytest.raises(SettingsError):
        run(settings)


def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ApiSettings(port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="another host or port"):
            run(settings)


def test_the_ports_of_dialects_are_looked_at_too() -> None:
    alone = DialectSettings(emqx4_port=0, bifromq_port=0, cedalo_port=0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ApiSettings(port=1, dialects=replace(alone, emq2_port=taken.getsockname()[1]))
        assert listening(settings) == [1, taken.getsockname()[1]]
        with pytest.raises(SettingsError, match="another host or port"):
            run(replace(settings, port=0))
    assert listening(replace(settings, dialects=replace(settings.dialects, off="emq2"))) == [1]
