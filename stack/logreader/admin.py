"""Reading the log of the administration, and how connections are: one event to a record, none of them ever void, and
no secret gets out."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.admin import AdminEvent
from schemas.events import ConnectionStatus, NodeEvent
from schemas.positions import position
from schemas.records import RecordError, begins_with_kind, read_admin_event, read_node_event
from schemas.registry import name_of
from schemas.secrets import without_secrets
from stack.logreader.scan import Scan
from stack.logreader.sighting import Sighting
from stack.logreader.source import Record


class AdminScan(Scan):
    """One reading of a range of it, for kinds and a tenant."""

    def _of_record(self, partition: int, record: Record, live: bool) -> Iterator[Sighting]:
        self.tally.read += 1
        try:
            event = self._event(record)
        except RecordError as error:
            self._bad(f"Record {record.offset} of {self._source.topic} cannot be read: {error}")
            return
        at = position(record.offset, 0)
        if event is None:
            self.tally.skipped += 1
        elif self._is_wanted(event) and (live or self._range.holds(partition, at)):
            actor = "" if isinstance(event, ConnectionStatus) else event.order.actor
            yield Sighting(partition, at, record.timestamp, actor, 0, False, event)

    def _event(self, record: Record) -> AdminEvent | ConnectionStatus | None:
        return without_secrets(read_admin_event(record.value))

    def _is_wanted(self, event: AdminEvent | ConnectionStatus) -> bool:
        wanted = self._wanted
        in_tenant = wanted.tenant is None or getattr(event, "tenant", None) == wanted.tenant
        return in_tenant and (not wanted.kinds or name_of(event.KIND) in wanted.kinds)


class StatusScan(AdminScan):
    """One reading of how connections are: heartbeats, between which that lies, are skipped by their first bytes."""

    def _event(self, record: Record) -> ConnectionStatus | None:
        if not begins_with_kind(record.value, ConnectionStatus):
            return None
        event: NodeEvent = read_node_event(record.value)
        return event if isinstance(event, ConnectionStatus) else None
