"""The comparison of outputs notices what differs."""

from __future__ import annotations

import pytest

from tests.unit.docs.pages import page
from tests.unit.docs.running import differences, run, text_fits


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("21.5\n", "21.5\n", True),
        ("21.5\n", "21.50\n", False),
        ("a   b\n...\nno difference", "a b\nx\ny\nno difference\n", True),
        ("a\n...\nno difference", "a\none difference\n", False),
        ("...Z  .../... connected", "2026-11-21T08:58:57Z  5/1.0   connected", True),
        ("...Z  .../... connected", "2026-11-21T08:58:57Z  5/1.0   disconnected", False),
        ("(1) a.b", "(1) acb", False),
    ],
)
def test_text(shown: str, printed: str, fits: bool) -> None:
    assert text_fits(shown, printed) is fits


def test_json() -> None:
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}], "d": 3}) == []
    assert differences({"a": [1]}, {"a": [1, 2]}) == ["/a is [1, 2], not [1]"]
    assert differences({"a": 1, "b": 2}, {"a": 2}) == ["/b is absent", "/a is 2, not 1"]


def test_a_snippet_that_fails_is_a_failure(tmp_path: object) -> None:
    block = next(block for block in page("CONTRIBUTING.md").blocks if block.runs)
    broken = type(block)(block.page, block.line, "sh", block.mark, "false | true\necho never")
    with pytest.raises(AssertionError, match="ended with 1"):
        run(broken, block.page.parent, {})
