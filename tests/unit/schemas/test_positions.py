"""Positions and the partitioner: golden values, which logs rest on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.positions import MAX_INDEX, index_of, offset_of, parse_position, partition_of, position, position_text


@pytest.mark.parametrize(
    ("tenant", "client_id", "of_8", "of_12"),
    [
        ("default", "sensor-1", 4, 8),
        ("default", "", 6, 10),
        ("a", "bc", 0, 4),
        ("ab", "c", 6, 10),
        ("", "", 7, 3),
        ("default", "Ωmega", 4, 0),
        ("tenant-Ω", "client/with/levels", 1, 1),
    ],
)
def test_golden_partitions(tenant: str, client_id: str, of_8: int, of_12: int) -> None:
    assert (partition_of(tenant, client_id, 8), partition_of(tenant, client_id, 12)) == (of_8, of_12)


def test_clients_spread_over_partitions() -> None:
    counts = [0] * 8
    for i in range(8_000):
        counts[partition_of("default", f"client-{i}", 8)] += 1
    assert min(counts) > 800
    assert max(counts) < 1_200


@settings(derandomize=True)
@given(st.integers(0, 2**47 - 1), st.integers(0, MAX_INDEX), st.integers(0, 999))
def test_positions_are_read_as_they_are_written(offset: int, index: int, partition: int) -> None:
    at = position(offset, index)
    assert (offset_of(at), index_of(at)) == (offset, index)
    assert at < 2**63
    assert parse_position(position_text(partition, at)) == (partition, at)


def test_positions_order_by_offset_and_then_index() -> None:
    places = [(0, 0), (0, 1), (0, MAX_INDEX), (1, 0), (2, 5)]
    assert sorted(places) == sorted(places, key=lambda place: position(*place))


def test_a_position_without_an_index_is_the_beginning_of_the_frame() -> None:
    assert parse_position("3/120") == (3, position(120, 0))


@pytest.mark.parametrize(
    "text", ["", "3", "/", "3/", "x/1.2", "3/-1", "-1/3", "3/1.65536", "3/1.-1", "3/1.2.3", "3/.1"]
)
def test_anything_else_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|not a position"):
        parse_position(text)
