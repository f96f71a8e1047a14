"""``python -m tools.diagrams [--check]``: bring docs/architecture.md up to the code, or say that it is not."""

from __future__ import annotations

import argparse
import sys

from tools.diagrams import PAGE, current


def main() -> int:
    """The exit code: 1 when ``--check`` finds an old page."""
    parser = argparse.ArgumentParser(prog="python -m tools.diagrams", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; the exit code says whether all is current"
    )
    check = parser.parse_args().check
    old = PAGE.read_text(encoding="utf-8")
    new = current(old)
    if old == new:
        return 0
    if check:
        print(f"{PAGE.name} is old: run python -m tools.diagrams", file=sys.stderr)
        return 1
    PAGE.write_text(new, encoding="utf-8")
    print(f"wrote {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
