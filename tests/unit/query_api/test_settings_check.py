"""What the API refuses to start with, and that it says how to mend it."""

from __future__ import annotations

import socket

import pytest

from query_api.main import check, run
from query_api.settings import ApiSettings
from schemas.settings import Secret, SettingsError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_fine(host: str) -> None:
    check(ApiSettings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "api.example", ""])
def test_beyond_loopback_needs_a_word(host: str) -> None:
    with pytest.raises(SettingsError, match="allow_anonymous_remote"):
        check(ApiSettings(host=host))
    check(ApiSettings(host=host, allow_anonymous_remote=True))


@pytest.mark.parametrize(
    "settings",
    [
        ApiSettings(workers=0),
        ApiSettings(token_keys=Secret("short")),
        ApiSettings(max_streams=0),
        ApiSettings(max_streams=8),
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
