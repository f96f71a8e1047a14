"""The table of cases, driven through the parser and the encoder."""

import pytest

from ingest.mqtt.codec import (
    ConnectPacket,
    Parser,
    ProtocolError,
    UnsupportedProtocolVersion,
    encode,
)

from .cases import CASES, Case

GOOD = [case for case in CASES if case.packet is not None]
BAD = [case for case in CASES if case.reason is not None]


def parser_for(case: Case) -> Parser:
    """A parser in the state the case asks for."""
    return Parser(case.role, case.version)  # type: ignore[arg-type]


def test_every_case_expects_one_thing_and_has_a_name_of_its_own() -> None:
    assert all((case.packet is None) != (case.reason is None) for case in CASES)
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_decodes(case: Case) -> None:
    parser = parser_for(case)
    assert parser.feed(case.data) == [case.packet]
    assert parser.error is None
    assert parser.buffered == 0


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_encodes(case: Case) -> None:
    version = case.version
    if isinstance(case.packet, ConnectPacket):
        version = case.packet.version
    assert version is not None
    assert case.packet is not None
    data = encode(case.packet, version)
    if case.canonical:
        assert data == case.data
    assert parser_for(case).feed(data) == [case.packet]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_refuses(case: Case) -> None:
    parser = parser_for(case)
    assert parser.feed(case.data) == []
    error = parser.error
    assert error is not None
    assert error.reason is case.reason
    assert case.says in str(error)
    with pytest.raises(ProtocolError) as raised:
        parser.feed(b"\xc0\x00")
    assert raised.value is error


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_byte_by_byte_is_the_same(case: Case) -> None:
    parser = parser_for(case)
    packets = []
    for at in range(len(case.data)):
        packets += parser.feed(case.data[at : at + 1])
        if parser.error is not None:
            break
    assert packets == ([] if case.packet is None else [case.packet])
    assert (parser.error and parser.error.reason) == case.reason


def test_an_unsupported_version_is_told_apart() -> None:
    parser = Parser()
    parser.feed(b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x3c\x00\x01c")
    assert isinstance(parser.error, UnsupportedProtocolVersion)
    assert (parser.error.name, parser.error.level) == ("MQTT", 6)
    assert parser.version is None


def test_the_version_is_known_when_the_rest_of_connect_is_malformed() -> None:
    parser = Parser()
    parser.feed(b"\x10\x0d\x00\x04MQTT\x05\x03\x00\x3c\x00\x00\x00")
    assert parser.error is not None
    assert parser.version == 5
