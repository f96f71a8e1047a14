"""Mermaid and Markdown as text, and the places on a page that are generated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence


def mermaid(kind: str, lines: Iterable[str]) -> str:
    """A fenced Mermaid diagram."""
    return "\n".join(["```mermaid", kind, *(f"    {line}" for line in lines), "```"])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def node_id(name: str) -> str:
    """A name as Mermaid takes it for a node."""
    return re.sub(r"\W", "_", name)


def replace_parts(page: str, parts: Mapping[str, str]) -> str:
    """The page with the text between the markers of every part replaced. ValueError: the two don't fit together."""
    found = re.findall(r"^<!-- generated:(\S+) -->$", page, re.MULTILINE)
    if sorted(found) != sorted(parts):
        raise ValueError(f"the page has the generated parts {sorted(found)}, the code draws {sorted(parts)}")
    for name, content in parts.items():
        begin, end = f"<!-- generated:{name} -->\n", f"<!-- /generated:{name} -->"
        before, _, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not closed:
            raise ValueError(f"the generated part {name} has no end on the page")
        page = f"{before}{begin}{content}\n{end}{after}"
    return page
