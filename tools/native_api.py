"""Writes the table of operations in ``docs/api/native.md`` from the operations themselves.

``python -m tools.native_api`` writes, ``--check`` compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from query_api.native.operation import Operation
from query_api.native.operations import OPERATIONS

PAGE: Final = Path(__file__).parent.parent / "docs" / "api" / "native.md"
BEGIN: Final = "<!-- operations: written by python -m tools.native_api -->\n"
END: Final = "<!-- end of operations -->\n"
EVERYWHERE: Final = frozenset({"tenant", "at_least", "limit", "cursor"})
"""Parameters that the page tells of once for all."""


def main() -> int:
    """Write the page, or say whether it is current."""
    old = PAGE.read_text(encoding="utf-8")
    new = page(old)
    if "--check" in sys.argv:
        if old != new:
            sys.stderr.write("docs/api/native.md is old: run python -m tools.native_api\n")
        return int(old != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def page(text: str) -> str:
    """The page with the table of now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n".join(_table()) + "\n" + END + after


def _table() -> Iterator[str]:
    yield "| operation | does | parameters and body | gives | needs | errors of its own |"
    yield "|---|---|---|---|---|---|"
    for one in OPERATIONS:
        errors = ", ".join(map(str, one.errors)) or "-"
        needs = "nothing" if one.permission is None else one.permission.value
        needs += ", all tenants" if one.everywhere else ""
        does = one.summary.replace("|", "\\|")
        yield f"| `{one.method} {one.path}` | {does} | {_parameters(one)} | {_gives(one)} | {needs} | {errors} |"


def _parameters(one: Operation) -> str:
    query = [field.encode_name for field in msgspec.structs.fields(one.query)]
    named = [f"`{name}`" for name in query if name not in EVERYWHERE]
    body = [f"`{one.body.__name__}`"] if one.body is not None else []
    return ", ".join([*named, *body]) or "-"


def _gives(one: Operation) -> str:
    shape = "server-sent events" if one.answer is None else f"`{one.answer.__name__}`"
    return f"{one.status} {shape}" + (", 202" if one.writes else "")


if __name__ == "__main__":
    sys.exit(main())
