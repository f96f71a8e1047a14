"""How far sessions are whose connections another incarnation held: what its ``progress`` and ``disconnected`` say."""

from __future__ import annotations

from collections.abc import Mapping

from domain.session import At
from ingest.node.session import Home, Session
from schemas.events import Behind, Cursor, Progress

_SETTLED = Cursor([])


def progress(
    event: Progress,
    at: At,
    sessions: Mapping[tuple[str, str], Session],
    home: Home,
    lineage: Mapping[int, int],
) -> None:
    """Apply a ``progress``. ``lineage`` has the first of the incarnations that continue each other, by incarnation."""
    for named in event.sessions:
        session = sessions.get((named.tenant, named.client_id))
        if session is None or session.epoch != named.epoch or session.outbox is None:
            continue
        settle(session, named.cursor, event.vector)
        online = session.state is not None and session.state.online
        session.behind = online and bool(named.cursor.low or named.cursor.inflight)
    if event.complete:
        _settle_the_rest(event, at, home, lineage)


def _settle_the_rest(event: Progress, at: At, home: Home, lineage: Mapping[int, int]) -> None:
    """Who is not named and not behind has acknowledged everything."""
    speaker = lineage.get(at.incarnation, at.incarnation)
    for session in list(home.unsettled):
        outbox, state = session.outbox, session.state
        if session.behind or outbox is None or state is None or state.epoch >= event.vector[at.partition] << 16:
            continue  # the last: a connection that its node had not applied when it wrote this
        if lineage.get(state.incarnation, state.incarnation) != speaker:
            continue
        settle(session, _SETTLED, event.vector)
        if not outbox:
            home.unsettled.discard(session)


def of_away(session: Session, vector: list[int]) -> tuple[Progress, int]:
    """How far a session is that is away, where its ``disconnected`` does not say all of it any more, and the bytes that
    takes, about."""
    assert session.outbox is not None
    behind = Behind(session.tenant, session.client_id, session.epoch, session.outbox.cursor(vector))
    return Progress(vector, [behind], False), 96 + 9 * len(vector) + size_of(behind)


def size_of(behind: Behind) -> int:
    """Bytes that a session takes in a ``progress``, about."""
    cursor = behind.cursor
    ids = sum(len(one.subscription_ids) for one in cursor.inflight)
    return 96 + len(behind.client_id) + 9 * len(cursor.low) + 32 * len(cursor.inflight) + 5 * ids


def settle(session: Session, cursor: Cursor, vector: list[int]) -> None:
    """Forget what a cursor says is acknowledged."""
    assert session.outbox is not None
    late = session.late
    if late is not None:
        applied = vector[session.partition] << 16
        late = session.late = [one for one in late if one[1] >= applied] or None
    session.outbox.settle(cursor, vector, [item for item, _ in late] if late is not None else ())
