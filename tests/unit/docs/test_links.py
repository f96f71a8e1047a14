"""Every link within the project leads somewhere, and every page is reachable from the README."""

from __future__ import annotations

import pytest

from tests.unit.docs.pages import ROOT, Page, page, pages

PAGES = pages()


def local_links(of: Page) -> list[tuple[str, str]]:
    """Path and anchor of the links that stay in the project."""
    return [(target.partition("#")[0], target.partition("#")[2]) for target in of.links if "://" not in target]


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_links_lead_somewhere(one: Page) -> None:
    broken = []
    for path, anchor in local_links(one):
        target = (one.path.parent / path).resolve() if path else one.path
        if not target.exists() or not target.is_relative_to(ROOT):
            broken.append(path)
        elif anchor and anchor not in page(str(target.relative_to(ROOT))).anchors:
            broken.append(f"{path}#{anchor}")
    assert broken == []


def test_every_page_is_reachable_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    waiting = list(reached)
    while waiting:
        here = page(str(waiting.pop().relative_to(ROOT)))
        for path, _ in local_links(here):
            target = (here.path.parent / path).resolve()
            if target.suffix == ".md" and target not in reached:
                reached.add(target)
                waiting.append(target)
    assert {one.path for one in PAGES} - reached == set()


def test_links_are_found_at_all() -> None:
    assert ("docs/events.md", "") in local_links(page("README.md"))
