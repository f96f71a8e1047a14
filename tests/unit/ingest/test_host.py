"""What a heartbeat tells of machine and process."""

from __future__ import annotations

from mmap import mmap

from ingest.node import host


def test_gauges_are_of_this_process() -> None:
    told = host.gauges()
    assert 1_000_000 < told["process.rss_bytes"] < told["host.memory_bytes"]
    assert told["process.max_fds"] >= 0
    assert all(told[f"host.load{minutes}_centi"] >= 0 for minutes in (1, 5, 15))


def test_memory_in_use_grows_with_what_is_held() -> None:
    before = host.gauges()["process.rss_bytes"]
    with mmap(-1, 32 << 20) as held:  # of its own: the allocator may have as much lying about
        held.write(b"x" * len(held))
        assert host.gauges()["process.rss_bytes"] >= before + (24 << 20)
