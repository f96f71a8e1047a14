"""``python -m tools.decisions [--check]``: write the index of docs/decisions, or say that it is old.

A page begins with its title and has a paragraph ``Status: ...``; the first word of that is its status.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tools.diagrams.text import table

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "decisions"
INDEX = FOLDER / "README.md"
STATUSES = ("proposed", "accepted", "superseded", "rejected")
_HEAD = """# Decisions

One page each: what was asked, what was decided, what follows from it. Pages with numbers concern the whole; the others
the part that their names begin with. A decision that no longer holds keeps its page and says what took its place.

Written by `python -m tools.decisions`.

"""


class PageError(ValueError):
    """A page without title or status."""


def index() -> str:
    """The index of the pages that are there. Raises PageError."""
    pages = sorted(path for path in FOLDER.glob("*.md") if path != INDEX)
    return _HEAD + table(("page", "decision", "status"), map(_row, pages)) + "\n"


def _row(page: Path) -> tuple[str, str, str]:
    text = page.read_text(encoding="utf-8")
    title = re.match(r"# (.+)\n", text)
    status = re.search(r"^Status: (\w+)", text, re.MULTILINE)
    if title is None or status is None or status[1] not in STATUSES:
        raise PageError(f"{page.name} needs a title and a line `Status:` with one of {', '.join(STATUSES)}")
    return f"[{page.stem}]({page.name})", title[1], status[1]


def main() -> int:
    """The exit code: 1 when ``--check`` finds an old index."""
    parser = argparse.ArgumentParser(prog="python -m tools.decisions", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; the exit code says whether all is current"
    )
    check = parser.parse_args().check
    new = index()
    if INDEX.exists() and INDEX.read_text(encoding="utf-8") == new:
        return 0
    if check:
        print(f"docs/decisions/{INDEX.name} is old: run python -m tools.decisions", file=sys.stderr)
        return 1
    INDEX.write_text(new, encoding="utf-8")
    print(f"wrote docs/decisions/{INDEX.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
