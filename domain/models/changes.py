"""Row changes: what a batch of frames does to the tables, as a plain value."""

from __future__ import annotations

import msgspec

from domain.models.commands import Done
from domain.models.tables import Row


class Changes(msgspec.Struct):
    """What one batch of frames of one partition changes; to be applied as a whole, with the position, or not at all.

    Present tables: the outcome of the batch per row, split by what the table holds before it. Histories: every
    interval that the batch closed. Counters: sums to add.
    """

    partition: int
    first: int
    """Offset of the first frame of the batch."""
    next: int
    """Offset after its last frame."""
    partition_time: int
    fences: dict[str, int]
    last_frame: str
    frames: int = 0
    """Frames in the batch, void ones included."""
    void_frames: int = 0
    events: int = 0
    """Events in the frames that count."""
    last_append: int = 0
    """Append time of the last frame, in milliseconds."""
    sessions_new: list[Row] = []
    sessions_changed: list[Row] = []
    sessions_gone: list[tuple[str, str]] = []
    sessions_history: list[Row] = []
    subscriptions_new: list[Row] = []
    subscriptions_changed: list[Row] = []
    subscriptions_gone: list[tuple[str, str, str]] = []
    subscriptions_history: list[Row] = []
    counters: list[Row] = []
    counters_gone: list[tuple[str, str]] = []
    routes: dict[tuple[str, str, str], int] = {}
    """(tenant, filter, node) -> difference; a sum of 0 is no row."""
    totals: dict[tuple[str, str], int] = {}
    """(tenant, name) -> difference, 0 included: a total that was ever touched is a row."""
    metrics: dict[tuple[str, str, str], int] = {}
    """(tenant, node, name) -> increase, above 0."""
    commands: list[Row] = []
    """See :mod:`domain.models.commands`, so the next two."""
    commands_late: list[Row] = []
    commands_done: list[Done] = []
    retained: list[Row] = []
    """Of each topic the last one, or its clear; nothing where the table holds a later one."""
    lost: dict[str, int] = {}
    """Nodes declared lost, with the incarnation."""
