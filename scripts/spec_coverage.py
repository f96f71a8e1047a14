"""Which normative statements of MQTT does no test name, and which no line of the source?

    python scripts/spec_coverage.py [--all] [--version 5|3.1.1] [--strict]

A test or a line names a statement by its id in brackets: ``[MQTT-3.1.2-4]`` is one of MQTT 5.0; behind the words
``3.1.1`` (as in ``3.1.1 [MQTT-3.1.2-6], [MQTT-3.1.2-7]``) ids are those of MQTT 3.1.1, up to the next other word.
A statement of 3.1.1 that stands in 5.0 too is named by either id, since code and tests of both are the same.
``--strict`` exits with 1 when a statement that binds a broker has no test, or when an id does not exist.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STATEMENTS = Path(__file__).with_name("mqtt_statements.txt")
SOURCE = ("ingest", "domain")
TESTS = ("tests",)
BINDS = {
    "b": "",
    "c": "clients",
    "a": "extended authentication",
    "s": "shared subscriptions",
    "w": "WebSocket",
}
"""Whom a statement binds; empty means a broker such as ours is now."""
OLD = "3.1.1"
ID = re.compile(r"(?P<old>3\.1\.1,? )?\[MQTT-(?P<number>\d+(?:\.\d+)*-\d+)\](?P<joined>,? ?(?=\[MQTT))?")

Key = tuple[str, str]


@dataclass(slots=True)
class Statement:
    """One normative statement and where it is named."""

    version: str
    number: str
    binds: str
    about: str
    like: str = ""
    """Number of the statement of MQTT 5.0 that says the same; tests and code that name it serve all versions."""
    tests: list[str] = field(default_factory=list)
    source: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return (self.version, self.number)


def read_statements(path: Path = STATEMENTS) -> dict[Key, Statement]:
    """The statements, in the order of the specification."""
    statements: dict[Key, Statement] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        version, number, who, about = line.split(" ", 3)
        binds, _, like = who.partition("=")
        if (version, number) in statements or binds not in BINDS:
            raise ValueError(f"{path.name} names a statement twice or binds nobody known: {line}")
        statements[version, number] = Statement(version, number, binds, about, like)
    return statements


def named_in(text: str) -> Iterator[Key]:
    """Every statement that a text names."""
    old = joined = False
    for match in ID.finditer(text):
        old = bool(match["old"]) or (old and joined)
        joined = match["joined"] is not None
        yield (OLD if old else "5", match["number"])


def python_files(folders: Iterable[str]) -> Iterator[Path]:
    """The Python files below folders of the project."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def collect(statements: dict[Key, Statement]) -> list[str]:
    """Note in every statement where it is named; what names none that exists."""
    strays: list[str] = []
    for folders, places in ((TESTS, "tests"), (SOURCE, "source")):
        for path in python_files(folders):
            where = str(path.relative_to(ROOT))
            for key in named_in(path.read_text(encoding="utf-8")):
                if key not in statements:
                    strays.append(f"{where} names [MQTT-{key[1]}] of {key[0]}, which does not exist")
                elif where not in (named := getattr(statements[key], places)):
                    named.append(where)
    for one in statements.values():
        if one.like:
            one.tests += statements["5", one.like].tests
            one.source += statements["5", one.like].source
    return strays


def table(statements: Iterable[Statement]) -> str:
    """Rows of version, id, tests, source, subject."""
    rows = [("version", "statement", "tests", "source", "about")]
    rows += [
        (
            one.version,
            f"MQTT-{one.number}",
            str(len(one.tests)) if one.tests else "none",
            str(len(one.source)) if one.source else "none",
            one.about + (f" ({BINDS[one.binds]})" if BINDS[one.binds] else ""),
        )
        for one in statements
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    )


def summary(statements: Iterable[Statement]) -> str:
    """How many there are and how many are named, by version, of those that bind a broker."""
    lines = []
    every = list(statements)
    for version in dict.fromkeys(one.version for one in every):
        ours = [one for one in every if one.version == version and one.binds == "b"]
        tested = sum(bool(one.tests) for one in ours)
        cited = sum(bool(one.source) for one in ours)
        lines.append(f"MQTT {version}: {len(ours)} statements bind a broker; tests name {tested}, the source {cited}")
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 with --strict when something is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also statements that bind others, and those that are named")
    parser.add_argument("--version", choices=["5", OLD], help="only this version")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a test is missing or an id is wrong")
    options = parser.parse_args()
    statements = read_statements()
    strays = collect(statements)
    chosen = [one for one in statements.values() if options.version in (None, one.version)]
    shown = [one for one in chosen if options.all or (one.binds == "b" and not (one.tests and one.source))]
    print(table(shown))
    print(summary(chosen))
    for stray in strays:
        print(stray)
    untested = [one for one in chosen if one.binds == "b" and not one.tests]
    return 1 if options.strict and (untested or strays) else 0


if __name__ == "__main__":
    sys.exit(main())
