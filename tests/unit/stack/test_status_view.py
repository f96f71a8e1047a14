"""``mqledger status`` on a narrow terminal: nothing is cut."""

from __future__ import annotations

import io

from rich.console import Console

from ops.health import Health
from stack.status import Line, Status
from stack.status_view import status_tables

WHERE = "http://a-rather-long-host-name.in.a-rather-long-domain.example:9101"


def test_at_60_columns_every_character_is_there() -> None:
    well = Health(True, "incarnation 17, listening on 127.0.0.1:1883")
    status = Status((Line("ingest", well, well, WHERE, "0.1.0"),), (), "")
    console = Console(file=io.StringIO(), width=60)
    for table in status_tables(status):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "…" not in text
    rows = text.splitlines()
    column = rows[0].index("where")
    end = rows[0].index("version")
    assert WHERE in "".join(row[column:end].strip() for row in rows[1:])
