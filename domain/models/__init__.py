"""Read models as pure folds: frames of one partition in, row changes out. One code for projector, rebuild and replay.

A fresh fold of a partition, as ``mqledger replay`` does it::

    fold, tables = ModelFold(partition), MemoryTables()
    for message in messages_of_the_partition:            # from the beginning of the log, in offset order
        record = read_record(message.offset, message.timestamp, message.headers, message.value)
        fold.fold(record)                                 # raises FrameError (read_record) or FoldError
        if fold.pending >= 10_000:                        # any moment will do: batches never change the outcome
            tables.apply(fold.changes())
    tables.apply(fold.changes())

- :func:`read_record` decodes the frame header and the lifecycle section, never a payload.
- :meth:`ModelFold.skip` steps over a frame that was put aside (the table ``quarantined`` names them).
- :class:`MemoryTables` holds the tables as dicts: ``tables.rows("sessions")`` gives tuples in the order of
  ``TABLES["sessions"].columns``, which is that of the Postgres columns. With ``ModelFold(..., history=False)`` the
  history tables stay empty. One instance may take the changes of several partitions.
- :func:`differences` compares two sets of rows and names every difference; :func:`checksum` sums rows up, in any
  order, so that equal tables have equal checksums per table and partition.
- ``TABLES`` lists all tables that the event log proves (all but ``nodes``), each with columns and key.
- To stop inside a frame, give :func:`read_record` ``until`` (a position): lifecycle events at or after it are left
  out. Publish metrics are known for whole frames only and count the whole frame.

Partition time (running maximum of append times, frames put aside included) is the only clock of the fold.
"""

from domain.models.changes import Changes
from domain.models.fold import FoldError, ModelFold
from domain.models.memory import Difference, MemoryTables, checksum, differences
from domain.models.records import FrameRecord, read_record
from domain.models.tables import TABLES, Row, Table

__all__ = [
    "TABLES",
    "Changes",
    "Difference",
    "FoldError",
    "FrameRecord",
    "MemoryTables",
    "ModelFold",
    "Row",
    "Table",
    "checksum",
    "differences",
    "read_record",
]
