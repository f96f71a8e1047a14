"""Shapes of the dialect: order of fields, what is left out, times."""

from __future__ import annotations

import msgspec
import pytest

from query_api.fluxmq import views
from query_api.fluxmq.times import rfc3339

ROW = ("c", "", True, "mqtt5", 5, False, 30, 1_566_656_122_000, 0, 10, 20, 30, True, False, True, 2, None, None)


def document(view: msgspec.Struct) -> dict[str, object]:
    """The JSON of a view, in the order written."""
    return msgspec.json.decode(msgspec.json.encode(view))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (1_566_656_122_000, "2019-08-24T14:15:22Z"),
        (1_566_656_122_500, "2019-08-24T14:15:22.5Z"),
        (1_566_656_122_120, "2019-08-24T14:15:22.12Z"),
        (1_566_656_122_007, "2019-08-24T14:15:22.007Z"),
        (1, "1970-01-01T00:00:00.001Z"),
    ],
)
def test_times(milliseconds: int, expected: str) -> None:
    assert rfc3339(milliseconds) == expected


def test_a_connected_session() -> None:
    assert list(document(views.session(ROW)).items()) == [
        ("client_id", "c"),
        ("state", "connected"),
        ("connected", True),
        ("protocol", "mqtt5"),
        ("version", 5),
        ("clean_start", False),
        ("expiry_interval", 30),
        ("connected_at", "2019-08-24T14:15:22Z"),
        ("receive_maximum", 10),
        ("max_packet_size", 20),
        ("topic_alias_max", 30),
        ("request_response", True),
        ("request_problem", False),
        ("has_will", True),
        ("subscription_count", 2),
        ("inflight_count", 0),
        ("offline_queue_depth", 0),
    ]


def test_a_connected_session_shows_no_earlier_end() -> None:
    stale = (*ROW[:8], 1_000, *ROW[9:])
    assert "disconnected_at" not in document(views.session(stale))


def test_a_detail_has_everything() -> None:
    away = (
        "c",
        "orders",
        False,
        *ROW[3:8],
        1_566_656_122_500,
        *ROW[9:16],
        3,
        4,
        [("a/+", 1, True, False, 2, 0), ("b", 0, False, True, 0, 9)],
    )
    shown = document(views.session_detail(away))
    assert list(shown)[:4] == ["client_id", "connection_name", "state", "connected"]
    assert shown["disconnected_at"] == "2019-08-24T14:15:22.5Z"
    assert (shown["inflight_count"], shown["offline_queue_depth"]) == (3, 4)
    assert list(shown)[-1] == "subscriptions"
    assert shown["subscriptions"] == [
        {
            "filter": "a/+",
            "qos": 1,
            "no_local": True,
            "retain_as_published": False,
            "retain_handling": 2,
            "consumer_group": "c",
        },
        {
            "filter": "b",
            "qos": 0,
            "no_local": False,
            "retain_as_published": True,
            "retain_handling": 0,
            "consumer_group": "c",
            "subscription_id": 9,
        },
    ]


def test_a_detail_without_subscriptions_leaves_them_out() -> None:
    assert "subscriptions" not in document(views.session_detail((*ROW, [])))
