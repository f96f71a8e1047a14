"""The short form of the codec's fuzzing: a fixed number of inputs from fixed seeds."""

import pytest

from tests.fuzz.mqtt_codec import run


@pytest.mark.parametrize("seed", [1, 2])
def test_any_bytes_give_packets_or_a_protocol_error(seed: int) -> None:
    findings = run(60, seed, most=10_000, quiet=True)
    assert not findings.failures, "\n".join(findings.failures)
    assert findings.inputs == 10_000
    assert len(findings.packets) == 15  # every packet type was read
    assert len(findings.reasons) >= 7
