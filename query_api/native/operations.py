"""All operations, in the order of the documents."""

from __future__ import annotations

from typing import Final

from query_api.native import (
    accounts,
    bans,
    commands,
    connections,
    events,
    me,
    messages,
    nodes,
    numbers,
    queues,
    rules,
    sessions,
    users,
)
from query_api.native.operation import Operation

SECTIONS: Final = (
    me.section,
    me.configuration,
    sessions.section,
    queues.section,
    numbers.section,
    messages.section,
    users.section,
    rules.section,
    rules.caches,
    bans.section,
    accounts.section,
    nodes.section,
    connections.section,
    commands.section,
    events.section,
)
OPERATIONS: Final[tuple[Operation, ...]] = tuple(one for section in SECTIONS for one in section.operations)
