"""Reading the log of the administration: one event to a record, none of them ever void, and no secret gets out."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.admin import AdminEvent
from schemas.positions import position
from schemas.records import RecordError, read_admin_event
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
            event = without_secrets(read_admin_event(record.value))
        except RecordError as error:
            self._bad(f"Record {record.offset} of {self._source.topic} cannot be read: {error}")
            return
        at = position(record.offset, 0)
        if self._is_wanted(event) and (live or self._range.holds(partition, at)):
            yield Sighting(partition, at, record.timestamp, event.order.actor, 0, False, event)

    def _is_wanted(self, event: AdminEvent) -> bool:
        wanted = self._wanted
        in_tenant = wanted.tenant is None or getattr(event, "tenant", None) == wanted.tenant
        return in_tenant and (not wanted.kinds or name_of(event.KIND) in wanted.kinds)
