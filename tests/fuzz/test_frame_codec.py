"""The short form of the frame codec's fuzzing: a fixed number of inputs from fixed seeds."""

import pytest

from schemas.events import LIFECYCLE_TYPES, MESSAGE_TYPES
from tests.fuzz.frame_codec import run


@pytest.mark.parametrize("seed", [1, 2])
def test_any_record_gives_a_frame_or_a_frame_error(seed: int) -> None:
    findings = run(120, seed, most=4_000, quiet=True)
    assert not findings.failures, "\n".join(findings.failures)
    assert findings.inputs == 4_000
    assert set(findings.events) == {cls.KIND for cls in (*LIFECYCLE_TYPES, *MESSAGE_TYPES)}  # every event was read
    assert len(findings.reasons) >= 7
