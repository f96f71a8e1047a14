"""How differences between the live tables and the log are told."""

from __future__ import annotations

import pytest

from stack.logreader.verdict_view import difference_text
from stack.logreader.verify import Difference

ROUTE = (1, "default", "a/#", "node-1", 4)


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (
            Difference("metrics", (7, "", "node-1", "events"), "value", 3, 4),
            'metrics partition=7 tenant="" node="node-1" name="events": value is 3, the log says 4',
        ),
        (
            Difference("routes", ("default", "a/#", "node-1", 1), "", None, ROUTE),
            (
                'routes tenant="default" filter="a/#" node="node-1" partition=1: the row is missing; the log says '
                'partition=1 tenant="default" filter="a/#" node="node-1" sessions=4'
            ),
        ),
        (
            Difference("routes", ("default", "a/#", "node-1", 1), "", ROUTE, None),
            (
                'routes tenant="default" filter="a/#" node="node-1" partition=1: the log knows no such row: '
                'partition=1 tenant="default" filter="a/#" node="node-1" sessions=4'
            ),
        ),
        (
            Difference("applied", (2,), "fences", {"node-1": 3}, {}),
            'applied partition=2: fences is {"node-1": 3}, the log says {}',
        ),
        (
            Difference("sessions", ("default", "c\x1b[2J\u202e"), "online", True, False),
            'sessions tenant="default" client_id="c\\u001b[2J\\u202e": online is true, the log says false',
        ),
    ],
)
def test_columns_are_named(difference: Difference, text: str) -> None:
    assert difference_text(difference) == text
