"""What is wanted: headers never skip a frame that holds it, and events are chosen as asked."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.topics import matches
from schemas.events import AnyEvent
from schemas.frames import Frame, encode_events, frame_headers, read_frame
from schemas.registry import name_of
from stack.logreader.select import KIND_NAMES, Wanted, clients_of
from tests.golden.examples import FRAME_HEADER
from tests.golden.examples import FRAMES as EXAMPLES
from tests.integration.replay.logwriter import connected, published

NAMES = st.sampled_from(["a", "b", "c"])
TOPICS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
EVENTS = st.lists(
    st.one_of(
        st.builds(lambda c, t, tenant: published(c, 1, t, tenant=tenant), NAMES, TOPICS, NAMES),
        st.builds(lambda c, tenant: connected(c, tenant=tenant), NAMES, NAMES),
        st.sampled_from(EXAMPLES["everything"]),
    ),
    max_size=6,
)
WANTED = st.builds(
    Wanted,
    kinds=st.frozensets(st.sampled_from(KIND_NAMES), max_size=3),
    clients=st.frozensets(NAMES | st.just("sensor-1"), max_size=2),
    tenant=st.none() | NAMES | st.just("default"),
    topics=st.frozensets(st.sampled_from(["#", "a/#", "+/b", "a/b/c", "b", "a/+/c"]), max_size=2),
)


def _frame(events: list[AnyEvent]) -> Frame:
    return read_frame(frame_headers(*FRAME_HEADER, events), encode_events(events))


def _plainly_wanted(wanted: Wanted, event: AnyEvent) -> bool:
    """The same, as the documentation puts it."""
    tenant = "default" if wanted.clients and wanted.tenant is None else wanted.tenant
    about = clients_of(event)
    return (
        (not wanted.kinds or name_of(event.KIND) in wanted.kinds)
        and (not wanted.topics or any(matches(f, getattr(event, "topic", "\0")) for f in wanted.topics))
        and (not wanted.topics or hasattr(event, "topic"))
        and (
            (not wanted.clients and tenant is None)
            or any((tenant in (None, t)) and (not wanted.clients or c in wanted.clients) for t, c in about)
        )
    )


@settings(derandomize=True, max_examples=1_000, deadline=None)
@given(EVENTS, WANTED)
def test_exactly_what_is_wanted_is_found(events: list[AnyEvent], wanted: Wanted) -> None:
    frame = _frame(events)
    expected = [(i, event) for i, event in enumerate(events) if _plainly_wanted(wanted, event)]
    assert list(wanted.events(frame)) == expected
    if expected:
        assert wanted.frame(frame), "the headers of a frame hid what is in it"


def test_headers_alone_skip_what_cannot_match() -> None:
    frame = _frame([published("a", 1, "site/1/temp"), connected("a")])
    blind = Frame(frame.header, frame.clients, frame.topics, b"not a body")
    assert not Wanted(kinds=frozenset({"refused"})).frame(blind)
    assert not Wanted(clients=frozenset({"somebody"})).frame(blind)
    assert not Wanted(topics=frozenset({"other/#"})).frame(blind)
    assert not Wanted(tenant="t", clients=frozenset({"a"})).frame(blind)
    assert Wanted(topics=frozenset({"site/+/temp"}), clients=frozenset({"a"})).frame(blind)


def test_lifecycle_events_are_found_without_touching_payloads() -> None:
    frame = _frame([published("a", 1, "t"), connected("a")])
    without = Frame(frame.header, frame.clients, frame.topics, frame.value.replace(b"published.1", b"PUBLISHED.1"))
    assert [event.KIND for _, event in Wanted(kinds=frozenset({"connected"})).events(without)] == ["connected.1"]


def test_a_filter_that_begins_with_a_wildcard_looks_into_every_frame() -> None:
    frame = _frame([published("a", 1, "site/1/temp")])
    assert Wanted(topics=frozenset({"none/of/it", "+/1/temp"})).frame(frame)


def test_what_nothing_can_match_is_known_at_once() -> None:
    assert not Wanted(kinds=frozenset({"connected"}), topics=frozenset({"a"})).names
    assert not Wanted(kinds=frozenset({"node_lost"}), clients=frozenset({"a"})).names
    assert not replace(Wanted(kinds=frozenset({"progress"})), users=frozenset({"ada"})).names
