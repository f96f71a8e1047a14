"""Reading our Markdown pages: blocks with their marks, spans of code, links, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^>]*?) -->\n)?^(?P<fence>```+)(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    mark: str
    """What the comment right above it says, such as ``run: stack``; empty without one."""
    text: str

    @property
    def runs(self) -> list[str]:
        """The words behind ``run:``; empty when the block is not to be run."""
        return self.mark.removeprefix("run:").split() if self.mark.startswith("run:") else []

    @property
    def where(self) -> str:
        """For messages and test ids."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown page."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Path below the project's folder."""
        return str(self.path.relative_to(ROOT))

    @property
    def blocks(self) -> list[Block]:
        """Fenced blocks in order."""
        return [
            Block(
                self.path,
                self.text.count("\n", 0, found.start("fence")) + 1,
                found["language"],
                (found["mark"] or "").strip(),
                found["text"],
            )
            for found in _BLOCK.finditer(self.text)
        ]

    @property
    def prose(self) -> str:
        """The page without its fenced blocks."""
        return _BLOCK.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        """Pieces of code in the prose."""
        return _SPAN.findall(self.prose)

    @property
    def links(self) -> list[str]:
        """Targets of links in the prose."""
        return _LINK.findall(_SPAN.sub("", self.prose))

    @property
    def anchors(self) -> set[str]:
        """What a link to a heading of this page may end with."""
        return {_anchor(heading) for heading in _HEADING.findall(self.prose)}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def pages() -> list[Page]:
    """Every page of the project: those in its folder and all of docs/."""
    paths = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    return [Page(path, path.read_text(encoding="utf-8")) for path in paths]


def page(name: str) -> Page:
    """One page by its path below the project's folder."""
    path = ROOT / name
    return Page(path, path.read_text(encoding="utf-8"))
