"""Snippets say whether they are run; those that need no services are run here."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.pages import ROOT, Block, page, pages
from tests.unit.docs.running import run

SHELL_OR_PYTHON = {"sh", "bash", "shell", "python"}
BY_HAND = ("README.md", "CONTRIBUTING.md", "docs/README.md", "docs/architecture.md", "docs/consistency.md")
OFFLINE = [block for one in pages() for block in one.blocks if block.runs[:1] == ["offline"]]


@pytest.mark.parametrize("name", BY_HAND)
def test_every_snippet_says_whether_it_is_run(name: str) -> None:
    unmarked = [
        b.where for b in page(name).blocks if b.language in SHELL_OR_PYTHON and not re.match(r"(run|shown): ", b.mark)
    ]
    assert unmarked == []


def test_reasons_for_not_running_name_tests_that_exist() -> None:
    reasons = [b.mark for one in pages() for b in one.blocks if b.mark.startswith("shown:")]
    named = [path for reason in reasons for path in re.findall(r"tests/[\w/]+\.py", reason)]
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_only_the_readme_needs_a_stack() -> None:
    """Those of other pages would be run by nobody."""
    assert {b.page.name for one in pages() for b in one.blocks if b.runs[:1] == ["stack"]} == {"README.md"}


@pytest.mark.parametrize("block", OFFLINE, ids=lambda block: block.where)
def test_offline_snippets_run(block: Block) -> None:
    run(block, ROOT, {})
