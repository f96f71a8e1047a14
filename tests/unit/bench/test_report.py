"""Reports: stored and read again, printed, and put where the documentation has a place for them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench import report
from bench.all import COMMANDS
from bench.report import Report

EXAMPLE = Report(
    name="example",
    title="An example",
    columns=("case", "broker", "figure"),
    rows=[["one", "mqledger", 1_234.5], ["two", "mosquitto", None]],
    notes=["A note."],
    options={"seconds": 2.0},
    raw={"one": [1, 2]},
)


def test_published_is_loaded_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers stay numbers, and the machine is told."""
    stored = report.load(report.publish(EXAMPLE, tmp_path))
    assert stored.rows == [["one", "mqledger", 1_234.5], ["two", "mosquitto", None]]
    assert stored.machine["cores"] >= 1
    assert stored.machine["libraries"]["msgspec"] == msgspec.__version__
    assert stored.raw == {"one": [1, 2]}
    printed = capsys.readouterr().out
    assert "1,234" in printed
    assert "A note." in printed


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (None, "-"),
        ("at most 3", "at most 3"),
        (12_345, "12,345"),
        (12_345.6, "12,346"),
        (45.67, "45.7"),
        (0.0681, "0.0681"),
    ],
)
def test_cells_for_people(cell: report.Cell, words: str) -> None:
    """Three significant digits."""
    assert report.text(cell) == words


def test_fill_replaces_its_section_alone(tmp_path: Path) -> None:
    """Twice the same gives once the same."""
    stored = report.load(report.publish(EXAMPLE, tmp_path))
    page = "before\n<!-- bench:example -->\nold\n<!-- /bench:example -->\nafter\n"
    filled = report.fill(page, stored)
    assert filled == report.fill(filled, stored)
    assert filled.startswith("before\n")
    assert filled.endswith("after\n")
    assert "old" not in filled
    assert "| one | mqledger | 1,234 |" in filled


def test_fill_wants_a_place(tmp_path: Path) -> None:
    """A figure without a method next to it isn't published."""
    stored = report.load(report.publish(EXAMPLE, tmp_path))
    with pytest.raises(ValueError, match="bench:example"):
        report.fill("nothing here", stored)


def test_the_documentation_has_a_place_for_each_benchmark() -> None:
    """Every command of ``bench.all`` has its section."""
    page = report.DOCS.read_text()
    for command in COMMANDS:
        assert f"<!-- bench:{command.name} -->" in page
        assert f"<!-- /bench:{command.name} -->" in page
